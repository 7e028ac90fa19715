//! The recovery of a replica that does not take its settings.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Result,
    poll::{self, Look},
    runbook::{Conclusion, Operator, Runbook},
};

/// How long the supervisor and a start may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Asks the service itself what keeps it from starting and, where that is a setting, takes the
/// settings of the last rollout away: the supervisor starts it with those of before.
#[derive(Debug)]
pub(crate) struct PutBackSettings(pub(crate) &'static str);

impl fmt::Display for PutBackSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "put back the settings of {} as they were before the rollout", self.0)
    }
}

const SERVES: &str = "curl -sf -m 2 -o /dev/null localhost:8080/health";

/// A command that it does not know makes it read its settings, and end.
const ASK: &str = "set -a; [[ ! -e /etc/service.env ]] || . /etc/service.env; shutdown-service none 2>&1; true";

/// The rollout's are kept beside, to be asked who made them so.
const PUT_BACK: &str = "mv /etc/service.env /etc/service.env.broken";

#[async_trait]
impl Runbook for PutBackSettings {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        if !operator.is_up(self.0).await? {
            return Ok(Conclusion::Refused { why: format!("{} is off: start it first", self.0) });
        }
        if self.serves(operator).await? {
            return Ok(Conclusion::NothingToDo);
        }
        let said = operator.must(self.0, &["bash", "-c", ASK]).await?;
        match complaint(&said) {
            Complaint::Setting => {
                let put_back = async { operator.must(self.0, &["bash", "-c", PUT_BACK]).await.map(drop) };
                operator.step("put back the settings", put_back).await?;
            }
            // As after a run that did not come to its end.
            Complaint::Nothing => {}
            Complaint::Other(why) => return Ok(Conclusion::Refused { why }),
        }
        poll::until("the service to answer", LIMIT, || async {
            match self.serves(operator).await {
                Ok(true) => Look::Ready(()),
                Ok(false) => Look::NotYet(format!("{} does not answer", self.0)),
                Err(error) => Look::Never(error),
            }
        })
        .await?;
        Ok(Conclusion::Done)
    }
}

impl PutBackSettings {
    async fn serves(&self, operator: &Operator<'_>) -> Result<bool> {
        Ok(operator.run(self.0, &["bash", "-c", SERVES]).await?.code == 0)
    }
}

/// What the service complains of.
#[derive(Debug, PartialEq, Eq)]
enum Complaint {
    /// A setting that it does not take.
    Setting,
    /// Nothing: it has read all of them.
    Nothing,
    /// Anything else.
    Other(String),
}

fn complaint(said: &str) -> Complaint {
    let line = said.lines().last().unwrap_or_default();
    if line.contains(" cannot be used: ") {
        Complaint::Setting
    } else if line.contains("unknown command \"none\"") {
        Complaint::Nothing
    } else {
        Complaint::Other(format!("it is no setting that keeps the service from starting: {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_complains_of_is_told_apart() {
        let setting = "shutdown-service: WORKERS=\"80k\" cannot be used: invalid digit found in string";
        assert_eq!(complaint(setting), Complaint::Setting);
        assert_eq!(complaint("shutdown-service: unknown command \"none\"; there is: replay"), Complaint::Nothing);
        for other in ["bash: line 1: shutdown-service: command not found", ""] {
            assert!(matches!(complaint(other), Complaint::Other(why) if why.ends_with(other)), "{other}");
        }
    }
}
