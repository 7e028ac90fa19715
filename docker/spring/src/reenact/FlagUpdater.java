package reenact;

import org.springframework.scheduling.annotation.Async;

/** The report's asynchronous method. */
class FlagUpdater implements Updates {
    private final Store store;
    private final Gauges gauges;
    private final Settings settings;

    FlagUpdater(Store store, Gauges gauges, Settings settings) {
        this.store = store;
        this.gauges = gauges;
        this.settings = settings;
    }

    /** Runs in the executor under test. */
    @Override
    @Async
    public void update(long id) {
        gauges.workBegins(id);
        try {
            Thread.sleep(settings.workMs);
            store.execute(id, "work");
            gauges.workIsDone(id);
        } catch (InterruptedException | RuntimeException e) {
            gauges.workFails(id, e);
        }
    }

    /** A work that nobody would miss, in an executor of its own. */
    @Override
    @Async(Application.TELEMETRY)
    public void report(long id) {
        gauges.telemetry.incrementAndGet();
        try {
            Thread.sleep(settings.workMs);
            store.execute(id, "telemetry");
        } catch (InterruptedException | RuntimeException e) {
            gauges.telemetryDropped.incrementAndGet();
        } finally {
            gauges.telemetry.decrementAndGet();
        }
    }
}
