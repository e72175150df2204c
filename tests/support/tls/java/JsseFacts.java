import javax.net.ssl.*;
import java.security.Security;
import java.util.*;

/** Says what the JSSE provider of this JVM supports and enables by itself, one fact a line. */
public class JsseFacts {
    static void say(String name, String... values) {
        System.out.println(name + " " + String.join(",", values));
    }
    public static void main(String[] names) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, null, null);
        SSLServerSocketFactory factory = context.getServerSocketFactory();
        SSLServerSocket server = (SSLServerSocket) factory.createServerSocket();
        say("version", System.getProperty("java.version"));
        say("supported-protocols", server.getSupportedProtocols());
        say("protocols", server.getEnabledProtocols());
        say("supported-suites", server.getSupportedCipherSuites());
        say("suites", server.getEnabledCipherSuites());
        say("server-order", String.valueOf(server.getSSLParameters().getUseCipherSuitesOrder()));
        for (String name : new String[] {"jdk.tls.disabledAlgorithms", "jdk.tls.legacyAlgorithms", "jdk.disabled.namedCurves"})
            say(name, String.valueOf(Security.getProperty(name)));
        for (String name : names) {
            try {
                server.setEnabledCipherSuites(new String[] {name});
                say("accepts", name);
            } catch (IllegalArgumentException refused) {
                say("refuses", name);
            }
        }
    }
}
