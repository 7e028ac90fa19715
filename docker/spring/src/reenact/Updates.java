package reenact;

/**
 * What is done after the answer. An interface, so that Spring's proxy is one of the
 * JDK: Debian's CGLIB makes classes with constructors that JDK 17 does not verify.
 */
interface Updates {
    /** Executes the work of a request and sets its flag. */
    void update(long id);

    /** The same, for telemetry: nobody would miss it. */
    void report(long id);
}
