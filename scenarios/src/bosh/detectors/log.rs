//! What a line of a task's logs says about its progress.
//!
//! `D, [2026-11-20T09:15:26.344252 #14640] [thread] DEBUG -- DirectorJobRunner: message`,
//! after the probe's `task 100 debug: `. A renewal's thread has no name, a checkpoint's
//! ends in `-checkpoint`: both go on while the task does nothing.

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'l> {
    /// A renewal or a checkpoint: the process lives, which is no progress.
    Lives,
    /// The same, of the lock with this uid.
    Renews {
        /// The holder's own mark.
        uid: &'l str,
    },
    /// A CPI request.
    Asks {
        /// `cpi-210425`
        id: &'l str,
        /// `create_vm`
        method: &'l str,
    },
    /// Its response.
    Answered {
        /// `cpi-210425`
        id: &'l str,
    },
    /// A message to an agent.
    Tells {
        /// The thread that sends it.
        thread: &'l str,
        /// `drain`
        method: &'l str,
    },
    /// A poll of a task that an agent has begun; its thread waits for it.
    Polls {
        /// The thread that waits.
        thread: &'l str,
        /// The agent's number for it.
        agent_task: &'l str,
    },
    /// The answer to a poll that it runs still.
    Runs {
        /// The agent's number for it.
        agent_task: &'l str,
    },
    /// A look at whether the task was cancelled, such as goes with each poll.
    Looks,
    /// The lock is given back: its row is deleted, and the event of it comes later.
    GivesBack {
        /// `lock:deployment:paasta`
        lock: &'l str,
    },
    /// Anything else: the task gets on.
    GetsOn,
    /// A further line of a message: it says nothing that its first did not.
    Continued,
}

/// The task of a line, and what it says.
pub fn parse(line: &str) -> Option<(u64, Said<'_>)> {
    let (task, rest) = line.strip_prefix("task ")?.split_once(' ')?;
    let task = task.parse().ok()?;
    if rest.starts_with("event: ") {
        return Some((task, Said::GetsOn));
    }
    Some((task, debug(rest.strip_prefix("debug: ")?)))
}

fn debug(line: &str) -> Said<'_> {
    let Some((thread, level, message)) = parts(line) else { return Said::Continued };
    if thread.ends_with("-checkpoint") {
        return Said::Lives;
    }
    if let Some(said) = of_agents(thread, message) {
        return said;
    }
    // What the job itself says outside its threads, it says at INFO.
    if thread.is_empty() && level == "DEBUG" {
        let renews = message.contains(r#"UPDATE "locks" SET "expired_at""#);
        return match between(message, r#""uid" = '"#, "'") {
            Some(uid) if renews => Said::Renews { uid },
            _ => Said::Lives,
        };
    }
    if let Some(lock) = between(message, "Deleted lock: ", " uid: ") {
        return Said::GivesBack { lock };
    }
    let Some(id) = between(message, "[external-cpi] [", "]") else { return Said::GetsOn };
    if message.contains("] response: ") {
        return Said::Answered { id };
    }
    match between(message, "] request: ", " with command").and_then(|text| between(text, r#""method":""#, "\"")) {
        Some(method) => Said::Asks { id, method },
        None => Said::GetsOn,
    }
}

/// What is sent to agents, and the answers that something runs still: the others tell by
/// themselves that the task gets on. Their thread has no name in the director's log.
fn of_agents<'l>(thread: &'l str, message: &'l str) -> Option<Said<'l>> {
    if message.starts_with("RECEIVED: ") {
        let runs = message.contains(r#""state":"running""#);
        let agent_task = between(message, r#""agent_task_id":""#, "\"").filter(|_| runs)?;
        return Some(Said::Runs { agent_task });
    }
    if message.contains(r#") SELECT * FROM "tasks" WHERE"#) {
        return Some(Said::Looks);
    }
    let method = between(message.strip_prefix("SENT: agent.")?, r#""method":""#, "\"")?;
    match between(message, r#""arguments":[""#, "\"").filter(|_| method == "get_task") {
        Some(agent_task) => Some(Said::Polls { thread, agent_task }),
        None => Some(Said::Tells { thread, method }),
    }
}

/// The process that a debug log's line is of: `[2026-11-20T09:15:26.344252 #14640]`.
pub fn pid(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(", [")?;
    rest.split_once(" #")?.1.split_once(']').map(|(pid, _)| pid.trim())
}

fn parts(line: &str) -> Option<(&str, &str, &str)> {
    let (_, rest) = line.split_once(", [").filter(|(letter, _)| letter.len() == 1)?;
    let (_, rest) = rest.split_once("] [")?;
    let (thread, rest) = rest.split_once("] ")?;
    let (level, message) = rest.split_once(" -- DirectorJobRunner: ")?;
    Some((thread, level.trim(), message))
}

fn between<'l>(text: &'l str, start: &str, end: &str) -> Option<&'l str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_the_fact_sheet_is_read() {
        let at = "[2026-11-20T09:15:26.344252 #14640]";
        for (line, said) in [
            (format!("D, {at} [] DEBUG -- DirectorJobRunner: Renewing lock: lock:deployment:paasta"), Said::Lives),
            (
                format!(
                    r#"D, {at} [] DEBUG -- DirectorJobRunner: (0.000647s) (conn: 2320) UPDATE "locks" SET "expired_at" = '2026-11-20 09:19:27.344320+0000' WHERE (("name" = 'lock:deployment:paasta') AND ("uid" = '5b0c'))"#
                ),
                Said::Renews { uid: "5b0c" },
            ),
            (format!("D, {at} [] DEBUG -- DirectorJobRunner: Lock renewal thread exiting"), Said::Lives),
            (
                format!("D, {at} [task:100-checkpoint] DEBUG -- DirectorJobRunner: (0.0s) (conn: 2100) COMMIT"),
                Said::Lives,
            ),
            (
                format!(
                    r#"D, {at} [create_missing_vm(web/u (1)/3)] DEBUG -- DirectorJobRunner: [external-cpi] [cpi-210425] request: {{"method":"create_vm","arguments":[]}} with command: /director cpi"#
                ),
                Said::Asks { id: "cpi-210425", method: "create_vm" },
            ),
            (
                format!(
                    r#"D, {at} [create_missing_vm(web/u (1)/3)] DEBUG -- DirectorJobRunner: [external-cpi] [cpi-210425] response: {{"result":"vm-1"}}, err: , exit_status: 0"#
                ),
                Said::Answered { id: "cpi-210425" },
            ),
            (
                format!("D, {at} [create_missing_vm(web/u (1)/3)] DEBUG -- DirectorJobRunner: SENT: agent.a {{}}"),
                Said::GetsOn,
            ),
            (
                format!(
                    r#"D, {at} [u] DEBUG -- DirectorJobRunner: SENT: agent.a {{"protocol":3,"method":"drain","arguments":["update",{{}}],"reply_to":"d"}}"#
                ),
                Said::Tells { thread: "u", method: "drain" },
            ),
            (
                format!(
                    r#"D, {at} [u] DEBUG -- DirectorJobRunner: SENT: agent.a {{"protocol":3,"method":"get_task","arguments":["1ab1"],"reply_to":"d"}}"#
                ),
                Said::Polls { thread: "u", agent_task: "1ab1" },
            ),
            (
                format!(
                    r#"D, {at} [] DEBUG -- DirectorJobRunner: RECEIVED: director.d {{"value":{{"agent_task_id":"1ab1","state":"running"}}}}"#
                ),
                Said::Runs { agent_task: "1ab1" },
            ),
            (
                format!(r#"D, {at} [u] DEBUG -- DirectorJobRunner: RECEIVED: director.d {{"value":"pong"}}"#),
                Said::GetsOn,
            ),
            (
                format!(
                    r#"D, {at} [u] DEBUG -- DirectorJobRunner: (0.0s) (conn: 2080) SELECT * FROM "tasks" WHERE "id" = 100"#
                ),
                Said::Looks,
            ),
            (
                format!(
                    "D, {at} [task:100] DEBUG -- DirectorJobRunner: Deleted lock: lock:deployment:paasta uid: 5b0c"
                ),
                Said::GivesBack { lock: "lock:deployment:paasta" },
            ),
            (format!("I, {at} []  INFO -- DirectorJobRunner: Starting task: 100"), Said::GetsOn),
            ("name: paasta".into(), Said::Continued),
        ] {
            assert_eq!(parse(&format!("task 100 debug: {line}")), Some((100, said)), "{line}");
        }
        assert_eq!(parse(r#"task 7 event: {"time":1}"#), Some((7, Said::GetsOn)));
        for other in ["started, variant=spawn", "task x debug: ", "task 7 cpi: I", "D, [a] [] DEBUG -- x: y"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
