//! How to speak to Redis and Sentinel, and the workload's clients.

use std::net::Ipv4Addr;

use redis::{AsyncConnectionConfig, FromRedisValue, RedisResult};
use reenact::prelude::*;

pub const REDIS: u16 = 6379;
pub const SENTINEL: u16 = 26379;

/// Says commands over a connection of their own, and gives the reply to the last one.
pub async fn ask<T: FromRedisValue>(ip: Ipv4Addr, port: u16, commands: &[&str]) -> RedisResult<T> {
    // A healthy server replies within a millisecond.
    let limits = AsyncConnectionConfig::new().set_connection_timeout(Some(secs(1))).set_response_timeout(Some(secs(1)));
    let client = redis::Client::open((ip.to_string(), port))?;
    let mut server = client.get_multiplexed_async_connection_with_config(&limits).await?;
    let mut reply = redis::Value::Nil;
    for command in commands {
        let mut words = redis::Cmd::new();
        command.split(' ').for_each(|word| _ = words.arg(word));
        reply = words.query_async(&mut server).await?;
    }
    Ok(redis::from_redis_value(reply)?)
}

/// A client that asks the Sentinel at its home who is primary, and wants its writes on so many replicas.
pub struct Writer {
    pub nodes: Vec<Node>,
    pub home: usize,
    pub primary: usize,
    pub replicas: u8,
}

#[async_trait]
impl Client for Writer {
    async fn write(&mut self, Write { id, value, .. }: Write) -> Ack {
        let attempt: RedisResult<u8> = async {
            let who = ["SENTINEL GET-MASTER-ADDR-BY-NAME mymaster"];
            let (ip, _): (String, u16) = ask(self.nodes[self.home].ip(), SENTINEL, &who).await?;
            self.primary = self.nodes.iter().position(|node| node.ip().to_string() == ip).unwrap_or(self.home);
            let commands = [format!("HSET ops {id} {value}"), format!("WAIT {} 500", self.replicas)];
            ask(self.nodes[self.primary].ip(), REDIS, &commands.each_ref().map(String::as_str)).await
        }
        .await;
        match attempt {
            Ok(have) if have >= self.replicas => Ack::Ok,
            Ok(have) => Ack::Unknown { why: format!("{have} replicas have it") },
            Err(no) if matches!(no.code(), Some("READONLY" | "NOREPLICAS")) => Ack::Failed { why: no.to_string() },
            // A time limit and a broken connection say nothing of the write.
            Err(error) => Ack::Unknown { why: error.to_string() },
        }
    }

    fn node(&self) -> &str {
        self.nodes[self.primary].name()
    }
}
