package reenact;

/** A request's body. */
public class NewRequest {
    /** What a request's answer promises. */
    public enum Kind {
        /** The flag will be set. */
        order,
        /** The flag may be set: a work that may be dropped. */
        telemetry,
        /** Nothing: there is no work, and the flag stays as it is. */
        draft
    }

    public Long id;
    public Long value;
    public Kind kind = Kind.order;

    boolean isValid() {
        return id != null && id >= 0 && value != null && value >= 0 && kind != null;
    }
}
