"""Java: java.security as a target, and what Jetty and Tomcat take from the Java that runs them."""
