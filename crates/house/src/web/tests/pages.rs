//! What pages say of what they show: the same mails everywhere, and in words whose

use super::*;

/// Returns the parts of a page between two marks.
fn between<'a>(page: &'a str, before: &str, behind: &str) -> Vec<&'a str> {
    page.split(before).skip(1).filter_map(|rest| rest.split(behind).next()).collect()
}

/// Returns an address as it stands in a page.
fn address(written: &str) -> String {
    written.replace("&#38;", "&")
}

/// Returns the numbers of *Today* that lead to a list: the address, and the number.
fn figures(page: &str) -> Vec<(String, usize)> {
    let figures = between(page, "<dd><a href=\"", "</a>").into_iter().filter_map(|figure| figure.split_once("\">"));
    figures.map(|(path, number)| (address(path), number.parse().unwrap())).collect()
}

/// Returns how many mails a page lists.
fn listed(page: &str) -> usize {
    page.matches("<a href=\"/messages/").count()
}

#[tokio::test]
async fn each_number_of_today_is_that_of_the_list_that_it_leads_to() {
    let house = House::open().await;
    for (login, role, scope) in everybody() {
        let person = house.person(&login, role, &scope).await;
        let (token, _) = house.session(person).await;
        let today = house.ask(&Method::GET, "/", Some(&token), "").await.page;
        let expected = match scope.names() {
            None => 5,
            Some(names) => names.len(),
        };
        let figures = figures(&today);
        assert_eq!(figures.len(), if expected == 0 { 0 } else { 3 }, "{login}: {today}");
        for (path, number) in figures {
            let list = house.ask(&Method::GET, &path, Some(&token), "").await;
            assert_eq!((list.status, listed(&list.page)), (StatusCode::OK, number), "{login} {path}");
            assert!(path.contains("dmarc=pass") || number == expected, "{login} {path}");
        }
        // The newest failures, the bars and the author domains are of the same mails.
        assert_eq!(listed(&today), expected, "{login}");
        let authors = between(&today, "<td class=\"number\" data-of=\"Mails\">", "</td>");
        assert_eq!(authors.iter().map(|mails| mails.parse::<usize>().unwrap()).sum::<usize>(), expected, "{login}");
        let hours = between(&today, "<th scope=\"row\">", "</tr>").join("");
        let hours = between(&hours, "<td class=\"number\">", "</td>");
        assert_eq!(hours.iter().map(|mails| mails.parse::<usize>().unwrap()).sum::<usize>(), expected, "{login}");
        assert_eq!(today.contains("Mails to ours.example: those of which"), expected == 1, "{login}");
        assert_eq!(today.contains("sees nothing"), expected == 0, "{login}");
        // Who may not see how the house is is not led there.
        let is_led = today.contains("class=\"button first\" href=\"/start\"");
        assert_eq!(is_led, expected == 0 && role == Role::Admin && scope == Scope::All, "{login}");
    }
}

#[tokio::test]
async fn a_mail_at_the_edge_of_the_day_is_counted_where_it_is_listed() {
    let house = House::open().await;
    let day = 86_400_000_000;
    let at = |at: i64, number: u32| {
        let Event::Mail(mail) = mail(&format!("{number:032x}"), "edge.example", &[OURS]) else { unreachable!() };
        Event::Mail(Box::new(MailEvent { at, ..*mail }))
    };
    // Mails around the first moment of a day that ends now, a quarter of a second apart.
    let edge = now() - day;
    let around: Vec<Event> = (0..40).map(|step| at(edge - 5_000_000 + i64::from(step) * 250_000, step)).collect();
    house.desk.lake.append(&around).unwrap();
    let person = house.person("viewer", Role::Viewer, &Scope::All).await;
    let (token, _) = house.session(person).await;
    let today = house.ask(&Method::GET, "/", Some(&token), "").await.page;
    let (path, number) = figures(&today).remove(0);
    assert!((6..45).contains(&number), "some of them are too old: {number}");
    let list = house.ask(&Method::GET, &path, Some(&token), "").await.page;
    assert_eq!(listed(&list), number, "{path}");
}
