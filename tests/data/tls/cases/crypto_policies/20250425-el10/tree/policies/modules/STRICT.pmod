# RSA key transport goes, CBC and SHA-1 stay
key_exchange@TLS = -RSA -PSK -*-PSK
group@{TLS,SSH} = -X448 -FFDHE-2048
cipher@TLS = -AES-256-CBC -3DES-CBC  # finds: tls/suite
