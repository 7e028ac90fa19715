package reenact;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.util.StreamUtils;

/** The service's tables, and all that is ever said to them. */
class Store {
    /** The work as the report's service does it: twice if it is told twice. */
    private static final String EXECUTE = "WITH flagged AS ("
            + "UPDATE requests SET flag = true, done_at = coalesce(done_at, clock_timestamp()) "
            + "WHERE id = ? RETURNING id, value) "
            + "INSERT INTO effects (request_id, value, origin, instance) SELECT id, value, ?, ? FROM flagged";

    private final JdbcTemplate jdbc;
    private final Settings settings;

    Store(JdbcTemplate jdbc, Settings settings) {
        this.jdbc = jdbc;
        this.settings = settings;
    }

    /** Waits for the database, since the two start in any order, and makes the tables. */
    void createTables() throws IOException, InterruptedException {
        String schema;
        try (InputStream resource = Store.class.getResourceAsStream("/schema.sql")) {
            schema = StreamUtils.copyToString(resource, StandardCharsets.UTF_8);
        }
        long deadline = System.nanoTime() + settings.startLimitMs * 1_000_000L;
        while (true) {
            try {
                jdbc.execute(schema);
                return;
            } catch (DataAccessException e) {
                if (System.nanoTime() > deadline) {
                    throw e;
                }
                Log.line("waiting for the database: " + e.getMostSpecificCause());
                Thread.sleep(200);
            }
        }
    }

    void ping() {
        jdbc.execute("SELECT 1");
    }

    /** Stores a request; false if its id is known already. */
    boolean insert(NewRequest request) {
        return jdbc.update(
                "INSERT INTO requests (id, value, kind, instance) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                request.id, request.value, request.kind.name(), settings.instance) == 1;
    }

    /** Executes the work of a request. */
    void execute(long id, String origin) {
        jdbc.update(EXECUTE, id, origin, settings.instance);
    }
}
