//! What `mail-auth` 0.13.3 says of the ARC chain of a mail
//!
//! It is given the zone through its cache, so that it never asks anyone; its clock is the machine's.

use mail_auth::{AuthenticatedMessage, MessageAuthenticator, Parameters};
use sekisho_core::facts::Question;
use sekisho_core::zone::Zone;

use super::cache::{Answering, Overheard, no_such_name};
use super::dkim::{text, word};

/// Asks for an opinion on the chain of a mail, in its own words; nothing where it sees no mail.
///
/// # Panics
///
/// Panics where no runtime can be made.
pub fn ask(mail: &[u8], zone: &Zone) -> Option<&'static str> {
    let message = AuthenticatedMessage::parse(mail)?;
    let key = |name| text(&zone.answer(&Question::txt(name)).outcome);
    let keys = Answering(|asked: &Overheard| Some(asked.name().map_or_else(no_such_name, key)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let output = runtime.block_on(async {
        let resolver = MessageAuthenticator::new(Default::default(), Default::default()).expect("a resolver");
        resolver.verify_arc(Parameters::new(&message).with_txt_cache(&keys)).await
    });
    Some(word(output.result()))
}
