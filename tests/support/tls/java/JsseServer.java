import java.io.FileInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.security.KeyStore;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/** A TLS server that sets nothing itself: port, PKCS12 key store, its password file. */
public class JsseServer {
    public static void main(String[] arguments) throws Exception {
        char[] password = java.nio.file.Files.readString(java.nio.file.Path.of(arguments[2])).strip().toCharArray();
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (FileInputStream file = new FileInputStream(arguments[1])) {
            store.load(file, password);
        }
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, password);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        InetAddress loopback = InetAddress.getByName("127.0.0.1");
        int port = Integer.parseInt(arguments[0]);
        ExecutorService threads = Executors.newCachedThreadPool();
        try (SSLServerSocket server = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(port, 64, loopback)) {
            while (true) {
                SSLSocket one = (SSLSocket) server.accept();
                threads.execute(() -> answer(one));
            }
        }
    }

    private static void answer(SSLSocket one) {
        try (one) {
            one.setSoTimeout(20000);
            one.startHandshake();
            one.getInputStream().read();
        } catch (IOException refused) {
            // what a client may not do, the handshake's alert has told it
        }
    }
}
