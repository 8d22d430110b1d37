//! What the scripts of `vm-tests` need of the documents: the commands in them, for a guest that
//! runs them; and the pictures of screens, from what a guest recorded.
#![allow(clippy::print_stdout, reason = "a command talks to its caller")]
#![allow(clippy::disallowed_methods, reason = "it is no part of backout")]
#![allow(dead_code, reason = "the tests use the rest")]

mod blocks;
mod pictures;

use std::path::PathBuf;

use clap::Parser;

#[derive(Debug, Parser)]
#[command(about = "The commands in the documents, and the pictures in them")]
enum Command {
    /// Print every command: document, line of its block, command, with tabs between.
    Commands,
    /// Make the pictures of what a guest recorded.
    Pictures {
        /// The folder with the recordings.
        recordings: PathBuf,
        /// Where the pictures go.
        #[arg(default_value = "docs/pictures")]
        folder: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Commands => {
            for document in blocks::documents()? {
                for block in document.blocks().iter().filter(|block| block.is_commands()) {
                    for command in block.commands() {
                        println!("{}\t{}\t{command}", block.document, block.line);
                    }
                }
            }
            Ok(())
        }
        Command::Pictures { recordings, folder } => pictures::make(&recordings, &folder),
    }
}
