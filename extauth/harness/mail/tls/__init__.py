"""TLS of the mail server and its domains (docs/tls.md).

    keys              private keys: read, test and store them
    certificates      certificates: read and check them, self-signed ones, signing requests, the chain
    domain_security   the settings of a domain: which certificate it uses, its key, its certificate, its chain
    certificate_text  what these say, as lines of text
    pem_files         reads a certificate and its key from files
    contexts          the contexts of OpenSSL: suites, certificates, sessions
    client_hello      reads the server name of a client before the handshake
    handshake         the TLS connections, chosen by server name or address, and their log records

The first five are pure, or read only files. They need the package cryptography.
"""
