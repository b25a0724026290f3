//! `--help` in the reader's language: English stands in [`crate::cli`], Japanese in `speech/help.ja.ftl`

use clap::{Arg, ArgAction, Command, CommandFactory};
use sekisho_core::speech::{Lang, Speech};

use crate::cli::Cli;
use crate::terminal::{Paint, Tone, wrap};

/// Returns the command line, explained in one language.
pub(crate) fn command_line(lang: Lang) -> Command {
    let command = Cli::command();
    match lang {
        Lang::En => command,
        Lang::Ja => in_japanese(command, "sekisho", &words()),
    }
}

/// Returns the Japanese messages.
fn words() -> Speech {
    Speech::new(Lang::Ja, &[include_str!("../speech/help.ja.ftl")])
        .expect("the message file is part of the program, and a test reads it")
}

/// Explains a command, all that it takes, and the commands below it.
///
/// `path` is the command's name behind those of its parents, and the id of its message; that of an argument follows behind
/// `--`. Defaults and choices stand in the messages, since clap would name them in English.
fn in_japanese(command: Command, path: &str, words: &Speech) -> Command {
    let has_examples = command.get_after_help().is_some();
    let below: Vec<String> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    let mut command = headed(command).about(laid_out(&words.say(path, &[]))).mut_args(|arg| {
        let (said, heading) = (laid_out(&words.say(&format!("{path}--{}", arg.get_id()), &[])), heading(&arg));
        let takes_values = arg.get_action().takes_values();
        let arg = arg.help(said).help_heading(heading);
        if takes_values { arg.hide_default_value(true).hide_possible_values(true) } else { arg }
    });
    command = command.disable_help_flag(true).arg(flag("help", 'h', ArgAction::Help, "この説明を表示する"));
    if command.get_version().is_some() {
        let version = flag("version", 'V', ArgAction::Version, "版を表示する");
        command = command.disable_version_flag(true).arg(version);
    }
    if has_examples {
        command = command.after_help(words.say(&format!("{path}-examples"), &[]));
    }
    below.into_iter().fold(command, |command, name| {
        let path = format!("{path}-{name}");
        command.mut_subcommand(name, |below| in_japanese(below, &path, words))
    })
}

/// How wide an explanation is: with the margin before it, it fits into a terminal of 80 columns.
const COLUMNS: usize = 68;

/// Lays an explanation out in lines. clap would part it at spaces alone, of which Japanese has none.
fn laid_out(said: &str) -> String {
    let lines = wrap(&[(Tone::Plain, said.to_owned())], COLUMNS, Paint::default());
    lines.into_iter().map(|(line, _)| line).collect::<Vec<_>>().join("\n")
}

/// The heading above the options that belong to no group.
const OPTIONS: &str = "オプション";

/// Puts our own headings where clap has English ones.
fn headed(command: Command) -> Command {
    let style = *command.get_styles().get_usage();
    let template = format!("{{about-with-newline}}\n{style}使い方:{style:#} {{usage}}\n\n{{all-args}}{{after-help}}");
    command.help_template(template).subcommand_help_heading("コマンド").next_line_help(true)
}

/// Returns the heading that an argument stands under.
fn heading(arg: &Arg) -> &'static str {
    match arg.get_help_heading() {
        Some("Account") => "表示",
        Some("Answers") => "DNS の回答",
        Some("Envelope") => "エンベロープ",
        _ if arg.is_positional() => "引数",
        _ => OPTIONS,
    }
}

/// Makes one of the flags that clap would add by itself, in English.
fn flag(name: &'static str, short: char, action: ArgAction, said: &'static str) -> Arg {
    Arg::new(name).short(short).long(name).action(action).help(said).help_heading(OPTIONS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Adds the ids of all that a command and those below it want to have said.
    fn wanted(command: &Command, path: &str, ids: &mut BTreeSet<String>) {
        ids.insert(path.to_owned());
        ids.extend(command.get_arguments().map(|arg| format!("{path}--{}", arg.get_id())));
        ids.extend(command.get_after_help().map(|_| format!("{path}-examples")));
        command.get_subcommands().for_each(|below| wanted(below, &format!("{path}-{}", below.get_name()), ids));
    }

    #[test]
    fn every_command_and_option_is_explained_in_japanese() {
        let mut ids = BTreeSet::new();
        wanted(&Cli::command(), "sekisho", &mut ids);
        let source = include_str!("../speech/help.ja.ftl");
        let lines = source.lines().filter(|line| !line.starts_with([' ', '#']));
        let said: BTreeSet<String> = lines.filter_map(|line| Some(line.split_once(" =")?.0.to_owned())).collect();
        assert_eq!(ids.difference(&said).collect::<Vec<_>>(), Vec::<&String>::new(), "is not said");
        assert_eq!(said.difference(&ids).collect::<Vec<_>>(), Vec::<&String>::new(), "is said of nothing");
    }

    #[test]
    fn defaults_and_choices_are_named() {
        fn look(command: &Command, path: &str, words: &Speech) {
            for arg in command.get_arguments().filter(|arg| arg.get_action().takes_values()) {
                let said = words.say(&format!("{path}--{}", arg.get_id()), &[]);
                let choices = arg.get_possible_values();
                let choices = choices.iter().map(|choice| choice.get_name().to_owned());
                let defaults = arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
                for word in choices.chain(defaults) {
                    assert!(said.contains(&word), "{path} --{}: {word} is not named: {said}", arg.get_id());
                }
            }
            command.get_subcommands().for_each(|below| look(below, &format!("{path}-{}", below.get_name()), words));
        }
        look(&Cli::command(), "sekisho", &words());
    }

    #[test]
    fn the_explanation_fits_into_a_terminal() {
        fn look(command: &mut Command) {
            let shown = command.render_help().to_string();
            let (shown, _) = shown.split_once("例:").unwrap_or((&shown, ""));
            for line in shown.lines().filter(|line| !line.starts_with("使い方")) {
                assert!(unicode_width::UnicodeWidthStr::width(line) <= 80, "{line}");
            }
            command.get_subcommands_mut().for_each(look);
        }
        let mut command = command_line(Lang::Ja);
        command.build();
        look(&mut command);
    }

    #[test]
    fn no_english_heading_is_left() {
        fn look(command: &mut Command) {
            let shown = command.render_long_help().to_string();
            for heading in
                ["Usage:", "Options:", "Arguments:", "Commands:", "Print ", "[default", "[possible", "Examples:"]
            {
                assert!(!shown.contains(heading), "{heading} in {shown}");
            }
            command.get_subcommands_mut().for_each(look);
        }
        let mut command = command_line(Lang::Ja);
        command.build();
        command.clone().debug_assert();
        look(&mut command);
    }
}
