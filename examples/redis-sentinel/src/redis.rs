//! As much of the Redis protocol (RESP2) as is needed: a command out, one reply in.

use std::{collections::BTreeMap, fmt, io, net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream},
    net::TcpStream,
    time::timeout,
};

pub const REDIS: u16 = 6379;
pub const SENTINEL: u16 = 26379;
/// A healthy server replies within a millisecond.
const LIMIT: Duration = Duration::from_secs(1);

/// Why there is no reply.
#[derive(Debug)]
pub enum Trouble {
    /// The server refused the command: it did nothing.
    Refused(String),
    /// The connection broke, or no reply came in time: what the server did is not known.
    Broken(io::Error),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => f.write_str(why),
            Self::Broken(error) => error.fmt(f),
        }
    }
}

pub struct Connection(BufStream<TcpStream>);

impl Connection {
    pub async fn open(ip: Ipv4Addr, port: u16) -> Result<Self, Trouble> {
        Ok(Self(BufStream::new(within_limit(TcpStream::connect((ip, port))).await?)))
    }

    /// The reply's words; a list in a list is flattened, and nil has none.
    pub async fn ask(&mut self, words: &[&str]) -> Result<Vec<String>, Trouble> {
        let words = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect::<Vec<_>>();
        let command = format!("*{}\r\n{}", words.len(), words.concat());
        let reply = async {
            self.0.write_all(command.as_bytes()).await?;
            self.0.flush().await?;
            self.reply().await
        };
        within_limit(reply).await?.map_err(Trouble::Refused)
    }

    async fn reply(&mut self) -> io::Result<Result<Vec<String>, String>> {
        let (mut words, mut due) = (Vec::new(), 1);
        while due > 0 {
            let mut line = String::new();
            self.0.read_line(&mut line).await?;
            let (kind, rest) = line.trim_end().split_at_checked(1).ok_or(io::ErrorKind::UnexpectedEof)?;
            due -= 1;
            match (kind, rest.parse::<usize>()) {
                ("+" | ":", _) => words.push(rest.to_owned()),
                ("-", _) => return Ok(Err(rest.to_owned())),
                ("*", Ok(length)) => due += length,
                ("$", Ok(length)) => {
                    let mut bulk = vec![0; length + 2];
                    self.0.read_exact(&mut bulk).await?;
                    words.push(String::from_utf8_lossy(&bulk[..length]).into_owned());
                }
                ("$" | "*", Err(_)) if rest == "-1" => {}
                _ => return Err(io::Error::other(format!("not RESP2: {line:?}"))),
            }
        }
        Ok(Ok(words))
    }
}

async fn within_limit<T>(work: impl Future<Output = io::Result<T>>) -> Result<T, Trouble> {
    timeout(LIMIT, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(Trouble::Broken)
}

/// One question over a connection of its own.
pub async fn ask(ip: Ipv4Addr, port: u16, words: &[&str]) -> Result<Vec<String>, Trouble> {
    Connection::open(ip, port).await?.ask(words).await
}

/// What a server says of its role, its links, and the replicas that it must have to accept writes.
pub async fn replication(ip: Ipv4Addr) -> Result<BTreeMap<String, String>, Trouble> {
    let mut server = Connection::open(ip, REDIS).await?;
    let info = server.ask(&["INFO", "replication"]).await?.concat();
    let minimum = server.ask(&["CONFIG", "GET", "min-replicas-to-write"]).await?;
    let fields = info.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name.into(), value.into()));
    Ok(fields.chain([(minimum[0].clone(), minimum[1].clone())]).collect())
}
