//! What detectors keep of the stream, folded once for all that keep the same.

use std::any::{Any, TypeId};

use crate::probe::Observation;

/// What a detector keeps of the stream.
pub trait View: Any + Default + Send {
    /// Takes one more observation.
    fn observe(&mut self, observation: &Observation);

    /// Whether it has seen nothing of its system yet. Each condition must say then that it
    /// cannot tell, and the same at every moment: it is asked only once.
    fn is_blank(&self) -> bool {
        false
    }
}

/// A view of some kind.
trait Fold: Any + Send {
    /// Takes one more observation and says whether it is blank still.
    fn take(&mut self, observation: &Observation) -> bool;
}

impl<V: View> Fold for V {
    fn take(&mut self, observation: &Observation) -> bool {
        self.observe(observation);
        self.is_blank()
    }
}

/// One view of each kind.
#[derive(Default)]
pub struct Views(Vec<Shared>);

struct Shared {
    view: Box<dyn Fold>,
    blank: bool,
}

impl Views {
    /// The place of the view of this kind, which is made if there is none.
    pub fn place<V: View>(&mut self) -> usize {
        let is_it = |shared: &Shared| (*shared.view).type_id() == TypeId::of::<V>();
        self.0.iter().position(is_it).unwrap_or_else(|| {
            self.0.push(Shared { view: Box::new(V::default()), blank: false });
            self.0.len() - 1
        })
    }

    /// The view at its place; `None` if that is another kind's.
    pub fn at<V: View>(&self, place: usize) -> Option<&V> {
        let view: &dyn Any = &*self.0.get(place)?.view;
        view.downcast_ref()
    }

    /// Shows one more observation to every view.
    pub fn observe(&mut self, observation: &Observation) {
        self.0.iter_mut().for_each(|shared| shared.blank = shared.view.take(observation));
    }

    /// Whether the view at that place has seen nothing of its system yet.
    pub fn is_blank(&self, place: usize) -> bool {
        self.0.get(place).is_some_and(|shared| shared.blank)
    }
}
