package reenact;

import java.util.concurrent.atomic.AtomicInteger;

import org.springframework.beans.factory.DisposableBean;

/**
 * What the service knows of its work: for {@code /metrics}, and for the log at the
 * end. Others depend on it, so it is among the last beans to be destroyed.
 */
class Gauges implements DisposableBean {
    /** Promised in memory only, and begun by nobody yet. */
    final AtomicInteger queued = new AtomicInteger();
    private final AtomicInteger begun = new AtomicInteger();
    private final AtomicInteger done = new AtomicInteger();
    private final AtomicInteger failed = new AtomicInteger();
    final AtomicInteger telemetry = new AtomicInteger();
    final AtomicInteger telemetryDropped = new AtomicInteger();

    void workBegins(long id) {
        queued.decrementAndGet();
        begun.incrementAndGet();
        Log.line("work begun id=" + id);
    }

    void workIsDone(long id) {
        Log.line("work done id=" + id);
        done.incrementAndGet();
    }

    /** The work is given up: nobody will do it any more. */
    void workFails(long id, Throwable why) {
        Log.line("work failed id=" + id + ": " + why);
        failed.incrementAndGet();
    }

    private int inFlight() {
        // The ends first: what begins meanwhile must not make the rest negative.
        int ended = done.get() + failed.get();
        return begun.get() - ended;
    }

    /** The exposition format of Prometheus, less its comments. */
    String exposition() {
        return "bg_inflight " + inFlight() + "\nbg_queued " + queued + "\nbg_begun_total " + begun
                + "\nbg_done_total " + done + "\nbg_failed_total " + failed + "\ntelemetry_inflight " + telemetry
                + "\ntelemetry_dropped_total " + telemetryDropped + "\n";
    }

    /** For the log. */
    @Override
    public String toString() {
        return "bg_inflight=" + inFlight() + " queued=" + queued + " telemetry=" + telemetry;
    }

    @Override
    public void destroy() {
        Log.line("context closed, " + this);
    }
}
