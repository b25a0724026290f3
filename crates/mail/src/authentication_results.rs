//! (stub until merge)
#![allow(missing_docs)]
pub struct AuthenticationResults {
    pub results: Vec<MethodResult>,
}
pub struct MethodResult {
    pub method: String,
    pub result: String,
    pub properties: Vec<Property>,
}
pub struct Property {
    pub kind: String,
    pub name: String,
    pub value: String,
}
impl AuthenticationResults {
    pub fn parse(_: &[u8]) -> Result<AuthenticationResults, ()> {
        Err(())
    }
}
