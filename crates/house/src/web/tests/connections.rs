//! *Connections*: what it says of each link, in every state that there is, and what makes one of them connected

use super::*;
use crate::config::SmtpRelay;
use crate::intake::Fate;

/// What the page says of a link: its heading, its state, and what is known of it.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    /// The heading.
    name: String,
    /// Connected or not.
    state: String,
    /// What is known; empty where nothing is.
    note: String,
    /// Whether the lines that connect it are unfolded.
    is_open: bool,
}

/// Returns what stands between two marks.
fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(behind).map(|(inside, _)| inside)
}

/// Reads what the page says of its links.
async fn links(house: &House, token: &Token, lang: &str) -> Vec<Said> {
    let cookie = format!("sekisho-lang={lang}");
    let page = house.ask_as(&Method::GET, "/start", Some(token), "", &[("cookie", &cookie)]).await.page;
    let sheets = page.split("<section class=\"sheet\">").filter(|sheet| sheet.contains("<details"));
    let said = sheets.map(|sheet| Said {
        name: between(sheet, "<h2>", " <span").unwrap().to_owned(),
        state: between(sheet, "<span class=\"state ", "</span>").unwrap().to_owned(),
        note: between(sheet, "<p class=\"soft\">", "</p>").unwrap_or_default().to_owned(),
        is_open: sheet.contains("<details open>"),
    });
    said.collect()
}

/// What the page says of a link in one state: its place, and in each language name, state and note.
type Row = (usize, [&'static str; 3], [&'static str; 3]);

/// What it says where nothing is connected.
const NOTHING: [Row; 4] = [
    (
        0,
        ["Mail from the MTA (milter)", "none\">not yet", "No conversation with an MTA since the start."],
        ["MTA からのメール（milter）", "none\">未接続", "起動後、MTA との会話はまだありません。"],
    ),
    (
        1,
        ["DMARC and TLS reports from receivers", "none\">not yet", "No report arrived since the start."],
        ["受信側からの DMARC・TLS レポート", "none\">未接続", "起動後に届いたレポートはまだありません。"],
    ),
    (2, ["Signing what goes out", "none\">not yet", ""], ["送信メールへの署名", "none\">未接続", ""]),
    (3, ["Reports of our own", "none\">not yet", ""], ["こちらから送るレポート", "none\">未接続", ""]),
];
/// What it says where one MTA talked to us and one report came, and all is configured.
const ONE: [Row; 4] = [
    (
        0,
        ["Mail from the MTA (milter)", "pass\">connected", "1 conversation with an MTA since the start."],
        ["MTA からのメール（milter）", "pass\">接続済み", "起動後の MTA との会話は 1 件です。"],
    ),
    (
        1,
        ["DMARC and TLS reports from receivers", "pass\">connected", "1 report arrived since the start."],
        ["受信側からの DMARC・TLS レポート", "pass\">接続済み", "起動後に届いたレポートは 1 件です。"],
    ),
    (2, ["Signing what goes out", "pass\">connected", ""], ["送信メールへの署名", "pass\">接続済み", ""]),
    (3, ["Reports of our own", "pass\">connected", ""], ["こちらから送るレポート", "pass\">接続済み", ""]),
];
/// What it says where more did.
const MORE: [Row; 2] = [
    (
        0,
        ["Mail from the MTA (milter)", "pass\">connected", "3 conversations with an MTA since the start."],
        ["MTA からのメール（milter）", "pass\">接続済み", "起動後の MTA との会話は 3 件です。"],
    ),
    (
        1,
        ["DMARC and TLS reports from receivers", "pass\">connected", "2 reports arrived since the start."],
        ["受信側からの DMARC・TLS レポート", "pass\">接続済み", "起動後に届いたレポートは 2 件です。"],
    ),
];

/// Compares what the page says with rows of the table, in both languages.
async fn says(house: &House, token: &Token, rows: &[Row]) {
    for (lang, at) in [("en", 0), ("ja", 1)] {
        let said = links(house, token, lang).await;
        assert_eq!(said.len(), 4, "{lang}: {said:?}");
        for (place, en, ja) in rows {
            let [name, state, note] = [en, ja][at].map(str::to_owned);
            // What is connected needs no lines: they are folded.
            let is_open = state.starts_with("none");
            assert_eq!(said[*place], Said { name, state, note, is_open }, "{lang}");
        }
    }
}

#[tokio::test]
async fn each_link_says_whether_it_is_connected_and_what_is_known_of_it() {
    let house = House::open().await;
    let token = admin(&house).await;
    says(&house, &token, &NOTHING).await;
    // Whoever only knocks has connected nothing, and neither has a report that could not be kept.
    let metrics = &house.desk.front.metrics;
    metrics.sessions_begun.inc();
    metrics.intake.sessions_begun.inc();
    metrics.intake.count(ReportKind::Tls, Fate::Later);
    says(&house, &token, &NOTHING).await;
    metrics.sessions_agreed.inc();
    metrics.intake.count(ReportKind::DmarcAggregate, Fate::New);
    says(&house, &token, &ONE[..2]).await;
    metrics.sessions_agreed.inc_by(2);
    metrics.intake.count(ReportKind::Tls, Fate::Known);
    says(&house, &token, &MORE).await;
}

#[tokio::test]
async fn what_only_has_to_be_configured_is_connected_where_it_is() {
    let mut config = Config::load(None, &[]).unwrap();
    config.sign.listen = vec!["127.0.0.1:0".parse().unwrap()];
    config.reports.relay = Some(SmtpRelay { host: "127.0.0.1".to_owned(), port: 25 });
    let house = House::open_with(&config).await;
    let token = admin(&house).await;
    says(&house, &token, &ONE[2..]).await;
    says(&house, &token, &NOTHING[..2]).await;
}
