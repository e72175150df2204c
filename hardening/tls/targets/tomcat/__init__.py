"""Tomcat: the target, its connectors, ciphers and properties, and the files around server.xml."""
