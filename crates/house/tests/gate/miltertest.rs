//! A whole conversation with `miltertest`, OpenDKIM's tool: somebody else's idea of what an MTA says and may expect

use std::process::Command;

use sekisho_core::visible::Visible;
use sekisho_mail::message::Message;
use sekisho_testkit::dns::DnsServer;

use super::served::Served;
use super::through::MONITOR;
use crate::hostile::{VICTIM, claim, signed_by, zone};
use crate::serve::say;

/// Two mails in one connection, and a third one in a second connection that goes away without a word.
const SCRIPT: &str = r##"
-- miltertest keeps to itself why a script failed.
local function fail(why)
  mt.echo("FAILED: " .. why)
  error(why)
end
local function must(failure, what)
  if failure ~= nil then fail(what .. ": " .. tostring(failure)) end
end
local function header(conn, name, value)
  must(mt.header(conn, name, value), "header " .. name)
  if not mt.test_option(conn, SMFIP_NR_HDR) and mt.getreply(conn) ~= SMFIR_CONTINUE then
    fail("header " .. name .. ": answered " .. mt.getreply(conn))
  end
end
local function results(conn, n)
  local value = mt.getheader(conn, "Authentication-Results", n)
  if value == nil then fail("no Authentication-Results") end
  return value
end
local function has(text, part)
  if not string.find(text, part, 1, true) then fail("no `" .. part .. "` in: " .. text) end
end
local function lacks(text, part)
  if string.find(text, part, 1, true) then fail("`" .. part .. "` in: " .. text) end
end
local function envelope(conn, from)
  mt.macro(conn, SMFIC_MAIL, "i", "4QUEUE")
  must(mt.mailfrom(conn, "<" .. from .. ">", "BODY=8BITMIME"), "mail")
  must(mt.rcptto(conn, "<reader@receiver.test>"), "rcpt")
  must(mt.rcptto(conn, "<other@receiver.test>"), "rcpt")
  if not mt.test_option(conn, SMFIP_NODATA) then must(mt.data(conn), "data") end
end

local conn = mt.connect(GATE)
if conn == nil then fail("nobody listens") end
must(mt.negotiate(conn, nil, nil, nil), "negotiate")
if not mt.test_action(conn, SMFIF_ADDHDRS) then fail("it does not want to add fields") end
if not mt.test_action(conn, SMFIF_CHGHDRS) then fail("it does not want to change fields") end
if not mt.test_action(conn, SMFIF_QUARANTINE) then fail("it does not want to quarantine") end
if mt.test_action(conn, SMFIF_CHGBODY) then fail("it wants to change bodies") end
mt.macro(conn, SMFIC_CONNECT, "j", "mx.test", "{daemon_name}", "smtpd")
must(mt.conninfo(conn, "mail.victim.example", CLIENT), "connect")
must(mt.helo(conn, "mail.victim.example"), "helo")

-- The first mail: signed, in pieces, and with a field that pretends to be ours.
envelope(conn, "chief@victim.example")
header(conn, "Authentication-Results", " mx.example.net; dmarc=fail header.from=forged.example")
-- HERE THE FIELDS
header(conn, "Authentication-Results", " there.example; dmarc=pass header.from=other.example")
must(mt.eoh(conn), "eoh")
-- HERE THE PIECES
must(mt.eom(conn), "eom")
if mt.getreply(conn) ~= SMFIR_CONTINUE and mt.getreply(conn) ~= SMFIR_ACCEPT then fail("eom: " .. mt.getreply(conn)) end
if not mt.eom_check(conn, MT_HDRINSERT, "Authentication-Results") then fail("nothing inserted") end
if not mt.eom_check(conn, MT_HDRDELETE, "Authentication-Results") then fail("the forged field stays") end
if mt.eom_check(conn, MT_BODYCHANGE) then fail("the body was changed") end
if mt.eom_check(conn, MT_QUARANTINE) then fail("it was quarantined") end
local told = results(conn, 0)
for _, part in ipairs({"mx.example.net;", "spf=pass", "dkim=pass header.d=victim.example", "dmarc=pass"}) do has(told, part) end
lacks(told, "forged.example")
mt.echo("first mail: judged")

-- A mail that is taken back in the middle, and the second one in the same connection.
must(mt.abort(conn), "abort")
envelope(conn, "chief@victim.example")
header(conn, "From", " <chief@victim.example>")
must(mt.abort(conn), "abort in a mail")
envelope(conn, "x@nowhere.example")
header(conn, "From", " <chief@victim.example>")
header(conn, "Subject", " pay")
must(mt.eoh(conn), "eoh")
must(mt.bodystring(conn, "pay\r\n"), "body")
must(mt.eom(conn), "eom")
told = results(conn, 0)
for _, part in ipairs({"spf=none", "dkim=none", "dmarc=fail", "header.from=victim.example"}) do has(told, part) end
lacks(told, "dmarc=pass")
if mt.eom_check(conn, MT_HDRDELETE, "Authentication-Results") then fail("a field of the mail before was deleted") end
mt.echo("second mail: judged by itself")
must(mt.disconnect(conn), "disconnect")

-- One that goes away in the middle of a mail.
conn = mt.connect(GATE)
must(mt.negotiate(conn, nil, nil, nil), "negotiate")
must(mt.conninfo(conn, "x", CLIENT), "connect")
envelope(conn, "chief@victim.example")
header(conn, "From", " <chief@victim.example>")
must(mt.disconnect(conn, false), "disconnect")
mt.echo("all said")
"##;

/// Writes octets as a string of Lua.
fn quoted(octets: &[u8]) -> String {
    let octets: String = octets.iter().map(|octet| format!("\\{octet:03}")).collect();
    format!("\"{octets}\"")
}

/// Returns the script for this gate.
fn script(gate: &Served) -> String {
    let body = format!("8-bit \u{65e5}\u{672c} and white space \t\r\n{}\r\n.\r\n\r\n", "x".repeat(3000));
    let mail = signed_by("victim.example", &claim("", "X-Folded: a\r\n\tb  \r\nX-Empty:\r\n", body));
    let message = Message::parse(&mail);
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let fields: String = message
        .header()
        .fields()
        .iter()
        .map(|field| {
            // An MTA shows folds with LF alone.
            let value = text(field.value()).trim_end_matches("\r\n").replace("\r\n", "\n");
            format!("header(conn, {}, {})\n", quoted(field.name()), quoted(value.as_bytes()))
        })
        .collect();
    let body = mail.split_at(message.raw_header().len()).1;
    let body = body.strip_prefix(b"\r\n").unwrap_or(body);
    let pieces: String =
        body.chunks(1001).map(|piece| format!("must(mt.bodystring(conn, {}), \"body\")\n", quoted(piece))).collect();
    let settings = format!("GATE = \"inet:{}@127.0.0.1\"\nCLIENT = \"{VICTIM}\"\n", gate.milter().port());
    settings + SCRIPT.replace("-- HERE THE FIELDS\n", &fields).replace("-- HERE THE PIECES\n", &pieces).as_str()
}

#[test]
fn miltertest_holds_a_whole_conversation() {
    if Command::new("miltertest").arg("-V").output().is_err() {
        say("NOT RUN: miltertest is not installed (`./x test` does; Debian's package is `miltertest`)");
        return;
    }
    let dns = DnsServer::start(zone());
    let mut served = Served::start(&format!("{MONITOR}[http]\nlisten = [\"127.0.0.1:0\"]\n"), &dns);
    let path = served.path("script.lua");
    std::fs::write(&path, script(&served)).unwrap();
    let said = Command::new("miltertest").arg("-s").arg(&path).output().unwrap();
    let (stdout, stderr) = (Visible(&said.stdout).to_string(), String::from_utf8_lossy(&said.stderr).into_owned());
    assert!(said.status.success(), "{}\n{stdout}\n{stderr}\n{}", said.status, served.log());
    assert!(stdout.contains("all said"), "{stdout}\n{stderr}");
    assert_eq!(served.metric("sekisho_results_total{check=\"dmarc\",result=\"pass\"}"), 1);
    assert_eq!(served.metric("sekisho_results_total{check=\"dmarc\",result=\"fail\"}"), 1);
    assert!(!served.log().contains("panicked"), "{}", served.log());
    assert!(served.stop(), "{}", served.log());
}
