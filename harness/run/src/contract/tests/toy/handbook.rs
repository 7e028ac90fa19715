//! What a person on call would do about a toy, right and wrong.

use std::{fmt, sync::atomic::Ordering};

use async_trait::async_trait;
use reenact_core::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{Flaw, Toy};

/// What a runbook of the toy's does.
#[derive(Clone, Copy)]
pub(in super::super) enum Does {
    Right,
    Wrong,
    Useless,
    Deceives,
    Destroys,
}

/// A runbook of the toy's.
pub(in super::super) struct Handbook(pub(in super::super) Toy, pub(in super::super) Does);

impl fmt::Display for Handbook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.1 {
            Does::Right => "mend it",
            Does::Wrong => "throw it away",
            Does::Useless => "look at it",
            Does::Deceives => "paint it",
            Does::Destroys => "burn the books",
        })
    }
}

impl Handbook {
    async fn right(&self, operator: &Operator<'_>) -> Result<Conclusion> {
        let toy = &self.0;
        let call = toy.calls.fetch_add(1, Ordering::Relaxed);
        if toy.has(Flaw::RightRefuses) || (call > 0 && toy.has(Flaw::NotKillSafe)) {
            return Ok(Conclusion::Refused { why: "not now".into() });
        }
        if toy.has(Flaw::RightHangs) {
            std::future::pending::<()>().await;
        }
        if toy.has(Flaw::RightDoesNothing) || (!toy.state().broken && !toy.has(Flaw::WorksAgain)) {
            return Ok(Conclusion::NothingToDo);
        }
        operator.step("take the lid off", async { Ok(()) }).await?;
        let mend = async {
            if !toy.has(Flaw::RightHealsNothing) {
                toy.mend();
            }
            Ok(())
        };
        operator.step("mend", mend).await?;
        operator.step("put the lid on", async { Ok(()) }).await?;
        Ok(Conclusion::Done)
    }
}

#[async_trait]
impl Runbook for Handbook {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let Self(toy, does) = self;
        let refused = |why: &str| Ok(Conclusion::Refused { why: why.into() });
        match does {
            Does::Right => self.right(operator).await,
            Does::Wrong if toy.has(Flaw::WrongDoesNotRefuse) => Ok(Conclusion::Done),
            Does::Wrong => refused("it can be mended"),
            Does::Useless => {
                if toy.has(Flaw::UselessHeals) {
                    toy.mend();
                }
                Ok(Conclusion::Done)
            }
            Does::Deceives if toy.has(Flaw::DeceiverRefuses) => refused("the paint is dry"),
            Does::Deceives => {
                toy.state().deceived = true;
                Ok(Conclusion::Done)
            }
            Does::Destroys => {
                // All but the last row.
                while toy.state().rows.len() > 1 {
                    toy.state().rows.pop_first();
                }
                toy.mend();
                Ok(Conclusion::Done)
            }
        }
    }
}
