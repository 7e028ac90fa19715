package org.springframework.cglib.core;

/**
 * In place of the class of Debian's Spring, whose CGLIB asks Debian's ASM for an
 * API version that it does not have, so that no @Configuration class can be used.
 * Must come first on the class path.
 */
final class AsmApi {
    private AsmApi() {
    }

    /** {@code Opcodes.ASM6}. */
    static int value() {
        return 6 << 16;
    }
}
