//! The pages of the sample day, and what they say of the report on a mail that failed

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};

use super::*;
use crate::sample::Sample;

/// The lakes of the sample, by their folders.
static LAKES: LazyLock<Mutex<HashMap<PathBuf, Arc<Puddle>>>> = LazyLock::new(Mutex::default);

/// Opens a lake in memory: the same while the day is made and afterwards.
fn open(place: &LakePlace) -> Result<Arc<dyn Lake>, LakeError> {
    let name = PathBuf::from(place.folder.to_string_lossy().replace("sample.draft", "sample"));
    let new = || Arc::new(Puddle { policy_domain: Some("shop.example"), ..Puddle::default() });
    Ok(Arc::clone(LAKES.lock().unwrap().entry(name).or_insert_with(new)) as Arc<dyn Lake>)
}

/// Opens a desk that has a sample day.
pub(super) async fn with_sample() -> House {
    let mut house = House::open().await;
    let folder = house.desk.folder.clone();
    let books = DeskBooks {
        archive: house.desk.archive.clone(),
        lake: Arc::clone(&house.desk.lake),
        open: OpenLake { write: |place| Ok(open(place)?), read: open },
        secret: folder.secret().unwrap(),
        announcer: Announcer::default(),
    };
    house.desk = Arc::new(Desk::new(Arc::clone(&house.desk.front), books));
    house.router = router(&house.desk);
    Sample::make(&folder, house.desk.open, Timestamp::now()).await.unwrap();
    house
}

/// Returns the places that a page leads to below a path.
pub(super) fn places(page: &str, below: &str, most: usize) -> Vec<String> {
    let places = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let places: BTreeSet<&str> = places.filter(|place| place.starts_with(below) && place.len() > below.len()).collect();
    places.into_iter().take(most).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_report_says_what_failed_and_people_stand_in_the_evidence_alone() {
    let house = with_sample().await;
    let person = house.person("vera", Role::Viewer, &Scope::All).await;
    let (token, _) = house.session(person).await;
    let headers = [("cookie", "sekisho-books=sample")];
    let get = async |path: &str| house.ask_as(&Method::GET, path, Some(&token), "", &headers).await.page;
    let mut told = 0;
    for path in places(&get("/reports").await, "/reports/", 40) {
        let page = get(&path).await;
        if page.contains("<section class=\"sheet\" id=\"failure\">") {
            let (_, section) = page.split_once("id=\"failure\"").unwrap();
            let (section, _) = section.split_once("</section>").unwrap();
            let facts = ["Auth-Failure", "reject", "203.0.113.88", "mx.carrier.example", "carrier.example"];
            assert!(facts.iter().all(|fact| section.contains(fact)), "{section}");
            assert!(!section.contains('@') && !section.contains("nobody"), "{section}");
            told += 1;
        }
    }
    assert_eq!(told, 1);
    let page = get("/domains/bank.example").await;
    let (_, section) = page.split_once("id=\"failed\"").unwrap();
    let (section, _) = section.split_once("</section>").unwrap();
    assert!(section.contains("203.0.113.88") && section.contains("carrier.example"), "{section}");
    assert!(!get("/domains/shop.example").await.contains("id=\"failed\""));
}
