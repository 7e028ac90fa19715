package reenact;

import java.net.URI;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.List;

/** What the service is told by its environment. */
final class Settings {
    static final List<String> EXECUTORS =
            Arrays.asList("simple", "pool", "wait_no_await", "await_only", "wait_await");

    /** {@code DATABASE_URL}: {@code postgres://USER@HOST:PORT/DATABASE}. */
    final URI database = URI.create(text("DATABASE_URL", "postgres://app@localhost:5432/app"));
    /** {@code DATABASE_LIMIT_MS}: how long the database may take to answer. */
    final int databaseLimitMs = number("DATABASE_LIMIT_MS", 2000);
    /** {@code START_LIMIT_MS}: how long the database may take to be there. */
    final int startLimitMs = number("START_LIMIT_MS", 15_000);
    final int port = number("PORT", 8080);
    /** {@code EXECUTOR}: which TaskExecutor runs the @Async method. */
    final String executor = text("EXECUTOR", "pool");
    /** {@code WORKERS}: the threads of a pool. */
    final int workers = number("WORKERS", 8);
    /** {@code AWAIT_S}: the await period, of the executors that have one. */
    final int awaitSeconds = number("AWAIT_S", 25);
    /** {@code REQUEST_MS}: how long a request itself takes, before it is stored. */
    final int requestMs = number("REQUEST_MS", 0);
    /** {@code WORK_MS}: how long the work takes, before its effect. */
    final int workMs = number("WORK_MS", 500);
    /** {@code TELEMETRY_LIMIT}: telemetry that may wait; more is dropped. */
    final int telemetryLimit = number("TELEMETRY_LIMIT", 32);
    /** {@code INSTANCE}: who executed a work. */
    final String instance = text("INSTANCE", hostName());

    Settings() {
        if (!EXECUTORS.contains(executor)) {
            throw new IllegalArgumentException("EXECUTOR=" + executor + " is unknown; there are: " + EXECUTORS);
        }
    }

    String jdbcUrl() {
        String credentials = database.getUserInfo();
        String[] user = (credentials == null ? "app" : credentials).split(":", 2);
        int seconds = Math.max(1, databaseLimitMs / 1000);
        return "jdbc:postgresql://" + database.getHost() + ":" + (database.getPort() < 0 ? 5432 : database.getPort())
                + database.getPath() + "?user=" + user[0] + (user.length > 1 ? "&password=" + user[1] : "")
                + "&connectTimeout=" + seconds + "&socketTimeout=" + seconds;
    }

    @Override
    public String toString() {
        return "executor=" + executor + " port=" + port + " work_ms=" + workMs + " workers=" + workers
                + " await_s=" + awaitSeconds + " instance=" + instance;
    }

    private static String text(String name, String byDefault) {
        String value = System.getenv(name);
        return value == null ? byDefault : value;
    }

    private static int number(String name, int byDefault) {
        String value = System.getenv(name);
        try {
            return value == null ? byDefault : Integer.parseInt(value);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(name + "=" + value + " is no number", e);
        }
    }

    private static String hostName() {
        try {
            return java.net.InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "unknown";
        }
    }
}
