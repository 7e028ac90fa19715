//! For the tests of detectors: machines that exist on paper, observed at the intervals of
//! real probes, and what must hold of any detector. No detector knows that they are not real.
//!
//! A system's tests make a [`World`] on a [`Tape`]. What its detectors say of the tape is
//! asked of that; what holds in general is in [`Life`] (over streams that nobody wrote by
//! hand), [`assert_hold`] and [`assert_fresh`] (constants, from both sides) and [`laws`].

mod laws;
mod life;
mod margins;
mod said;
mod signals;
mod tape;

pub use crate::{on_tape, scenes};
pub use laws::laws;
pub use life::{Act, Life, Wrong};
pub use margins::{Look, assert_fresh, assert_hold, held, last_look, without};
pub use said::{Fired, Said, said};
pub use signals::{EPOCH_MS, error, hung, log, machine, query, seen, values, wall};
pub use tape::{Tape, World};

/// A `#[test]` for each scene: `scenes!(check, its_name = |world| …, …)`.
#[macro_export]
macro_rules! scenes {
    ($check:expr, $($name:ident = $scene:expr),* $(,)?) => {
        $(#[test]
        fn $name() {
            $check($scene);
        })*
    };
}

/// Makes a struct with a field `tape` one that is asked and noted on like its [`Tape`].
#[macro_export]
macro_rules! on_tape {
    ($world:ty) => {
        impl ::std::ops::Deref for $world {
            type Target = $crate::detect::testing::Tape;

            fn deref(&self) -> &Self::Target {
                &self.tape
            }
        }

        impl ::std::ops::DerefMut for $world {
            fn deref_mut(&mut self) -> &mut Self::Target {
                &mut self.tape
            }
        }
    };
}
