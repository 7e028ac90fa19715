package reenact;

import java.util.Collections;
import java.util.Map;

import org.springframework.dao.DataAccessException;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestMethod;
import org.springframework.web.bind.annotation.RestController;

/** The service's HTTP interface. */
@RestController
class RequestController {
    private final Store store;
    private final Updates updates;
    private final Gauges gauges;
    private final Settings settings;

    RequestController(Store store, Updates updates, Gauges gauges, Settings settings) {
        this.store = store;
        this.updates = updates;
        this.gauges = gauges;
        this.settings = settings;
    }

    /** The report's method: store, start the asynchronous update, answer. */
    @RequestMapping(path = "/requests", method = RequestMethod.POST)
    ResponseEntity<Map<String, ?>> accept(@RequestBody NewRequest request) throws InterruptedException {
        if (!request.isValid()) {
            return refusal(HttpStatus.BAD_REQUEST, "id and value must be less than 2^63");
        }
        Thread.sleep(settings.requestMs);
        if (!store.insert(request)) {
            return refusal(HttpStatus.CONFLICT, "the id is known");
        }
        if (request.kind == NewRequest.Kind.order) {
            gauges.queued.incrementAndGet();
            updates.update(request.id);
        } else if (request.kind == NewRequest.Kind.telemetry) {
            updates.report(request.id);
        }
        return new ResponseEntity<>(Collections.singletonMap("id", request.id), HttpStatus.CREATED);
    }

    @RequestMapping(path = "/health", method = RequestMethod.GET, produces = "text/plain")
    String health() {
        store.ping();
        return "ok\n";
    }

    @RequestMapping(path = "/metrics", method = RequestMethod.GET, produces = "text/plain")
    String metrics() {
        return gauges.exposition();
    }

    @ExceptionHandler(DataAccessException.class)
    ResponseEntity<Map<String, ?>> unavailable(DataAccessException e) {
        Log.line("request failed: " + e.getMostSpecificCause());
        return refusal(HttpStatus.SERVICE_UNAVAILABLE, String.valueOf(e.getMostSpecificCause()));
    }

    private static ResponseEntity<Map<String, ?>> refusal(HttpStatus status, String why) {
        return new ResponseEntity<>(Collections.singletonMap("error", why), status);
    }
}
