//! The frame of the page: what it may load, its style and its script.

use base64::{Engine, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::timeline;

const STYLE: &str = include_str!("style.css");
/// Filters scenarios and opens what a link points at; the page works without it.
const SCRIPT: &str = include_str!("filter.js");

/// The page around its body. Even if a text came through unescaped, no browser would run
/// or fetch anything for it: only this style and this script are allowed, by their hashes.
pub(super) fn page(title: &str, body: &Markup) -> Markup {
    let style = format!("{}{STYLE}", timeline::STYLE);
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash(&style),
        hash(SCRIPT)
    );
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title) " – reenact" }
                style { (PreEscaped(style)) }
            }
            body {
                svg.patterns width="0" height="0" aria-hidden="true" { (timeline::hatch()) }
                (body)
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}
