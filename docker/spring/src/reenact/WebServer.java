package reenact;

import java.util.concurrent.TimeUnit;

import org.apache.catalina.Container;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.core.StandardContext;
import org.apache.catalina.core.StandardWrapper;
import org.apache.catalina.startup.Tomcat;
import org.springframework.context.SmartLifecycle;

/**
 * The embedded Tomcat with the graceful shutdown of Spring Boot 2.3 and later
 * ({@code server.shutdown=graceful}), made again on Tomcat's own API: it is in the
 * context's last phase, so before any bean is destroyed it takes no more requests
 * and waits for those it has. What those have started, it does not know.
 */
class WebServer implements SmartLifecycle {
    private final Tomcat tomcat;
    private final Gauges gauges;
    private volatile boolean running;

    WebServer(Tomcat tomcat, Gauges gauges) {
        this.tomcat = tomcat;
        this.gauges = gauges;
    }

    @Override
    public void start() {
        try {
            tomcat.start();
            // Tomcat itself only logs that its port is taken.
            if (!tomcat.getConnector().getState().isAvailable()) {
                throw new IllegalStateException("the connector did not start");
            }
        } catch (LifecycleException e) {
            throw new IllegalStateException(e);
        }
        running = true;
    }

    /** As Boot does: in a thread, for as long as the phase's timeout (30 s) allows. */
    @Override
    public void stop(Runnable callback) {
        Log.line("graceful shutdown begins, " + gauges);
        new Thread(() -> {
            drainRequests();
            Log.line("graceful shutdown complete (requests), " + gauges);
            running = false;
            callback.run();
        }, "tomcat-shutdown").start();
    }

    private void drainRequests() {
        Connector connector = tomcat.getConnector();
        connector.pause();
        connector.getProtocolHandler().closeServerSocketGraceful();
        try {
            while (hasRequests()) {
                TimeUnit.MILLISECONDS.sleep(50);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private boolean hasRequests() {
        for (Container host : tomcat.getEngine().findChildren()) {
            for (Container context : host.findChildren()) {
                if (((StandardContext) context).getInProgressAsyncCount() > 0) {
                    return true;
                }
                for (Container wrapper : context.findChildren()) {
                    if (((StandardWrapper) wrapper).getCountAllocated() > 0) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    /** Never called: the context stops it by {@link #stop(Runnable)}. */
    @Override
    public void stop() {
        stop(() -> { });
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public boolean isAutoStartup() {
        return true;
    }

    @Override
    public int getPhase() {
        return Integer.MAX_VALUE;
    }
}
