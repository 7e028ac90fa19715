package reenact;

/** The container's log, which stamps each line with its time. */
final class Log {
    private Log() {
    }

    static void line(String text) {
        System.out.println(text);
    }
}
