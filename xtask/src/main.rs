//! The project's own commands: `cargo xtask test` runs every check, `cargo xtask help` lists them.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

mod advisories;
mod ahead;
mod api;
mod bench;
mod command;
mod deny;
mod direction;
mod features;
mod fuzz;
mod install;
mod lints;
mod msrv;
mod mutants;
mod packages;
mod snippets;
mod steps;
mod suites;
mod tools;
mod tree;
mod watchdog;
mod words;
mod workspace;

use std::process::ExitCode;

use steps::Step;
use tools::Tool;

fn main() -> ExitCode {
    if let Some(code) = api::stand_in_for_rustdoc() {
        return code;
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = plan(&words).and_then(|plan| match plan {
        Plan::Help => {
            println!("{}", help());
            Ok(())
        }
        Plan::Run(steps) => steps::run_all(&steps),
        Plan::Use(tool, words) => (tool.run)(&words),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The meaning of a command line.
#[derive(Debug)]
enum Plan {
    Help,
    Run(Vec<&'static Step>),
    /// A tool and its own arguments.
    Use(&'static Tool, Vec<String>),
}

fn plan(words: &[String]) -> Result<Plan, String> {
    if let Some((first, rest)) = words.split_first()
        && let Some(tool) = tools::find(first)
    {
        return Ok(Plan::Use(tool, rest.to_vec()));
    }
    let mut chosen = Vec::new();
    for word in words {
        match word.as_str() {
            "help" | "--help" | "-h" => return Ok(Plan::Help),
            "test" => chosen.extend(steps::ALL),
            name => chosen.push(steps::find(name).ok_or_else(|| unknown(name))?),
        }
    }
    Ok(if chosen.is_empty() { Plan::Help } else { Plan::Run(chosen) })
}

fn unknown(name: &str) -> String {
    format!("there is no command `{name}`; `cargo xtask help` lists them")
}

fn help() -> String {
    let mut text = String::from(
        "Usage: cargo xtask <command>...\n\n\
         test         all of the following, in this order, up to the first that fails",
    );
    for step in steps::ALL {
        text.push_str(&format!("\n  {:<11}{}", step.name, step.about));
    }
    for tool in tools::ALL {
        text.push_str(&format!("\n{:<13}{}", tool.name, tool.about));
    }
    text.push_str("\nhelp         this text");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str]) -> Vec<&'static str> {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        match plan(&words).unwrap() {
            Plan::Help => vec!["help"],
            Plan::Run(steps) => steps.iter().map(|step| step.name).collect(),
            Plan::Use(tool, _) => vec![tool.name],
        }
    }

    #[test]
    fn test_means_every_step_in_order() {
        let all: Vec<_> = steps::ALL.iter().map(|step| step.name).collect();
        assert_eq!(names(&["test"]), all);
    }

    #[test]
    fn steps_run_in_the_order_they_are_named() {
        assert_eq!(names(&["doc", "fmt"]), ["doc", "fmt"]);
    }

    #[test]
    fn no_argument_or_help_anywhere_shows_help() {
        assert_eq!(names(&[]), ["help"]);
        assert_eq!(names(&["fmt", "--help"]), ["help"]);
    }

    #[test]
    fn a_tool_gets_the_words_after_it() {
        let words = ["bench", "instructions", "--help"].map(str::to_owned);
        let Ok(Plan::Use(tool, rest)) = plan(&words) else { panic!("`bench` is a tool") };
        assert_eq!((tool.name, &rest[..]), ("bench", &words[1..]));
    }

    #[test]
    fn an_unknown_word_runs_nothing() {
        let message = plan(&["fmt".into(), "frobnicate".into()]).unwrap_err();
        assert!(message.contains("`frobnicate`"), "{message}");
    }

    #[test]
    fn help_names_every_step_and_tool() {
        let text = help();
        for step in steps::ALL {
            assert!(text.contains(step.about), "{} is missing", step.name);
        }
        for tool in tools::ALL {
            assert!(text.contains(tool.about), "{} is missing", tool.name);
        }
    }
}
