//! The hosts to which a reroute applies.

use crate::{Egress, EgressConfig};

#[tokio::test]
async fn a_reroute_of_a_starred_host_applies_to_each_host_with_another_first_label() {
    let to_url = |port: u16| format!("http://127.0.0.1:{port}").parse().unwrap();
    let reroutes = [("*.example.com".to_owned(), to_url(4010)), ("api.example.com".to_owned(), to_url(4011))].into();
    let egress = Egress::new(EgressConfig { reroutes, ..EgressConfig::default() }).unwrap();
    let port_of = |url: &str| egress.reroute_url(&url.parse().unwrap()).and_then(|target| target.port());
    let ports = ["acme.", "api.", "a.b.", ""].map(|label| port_of(&format!("https://{label}example.com/a")));
    assert_eq!(ports, [Some(4010), Some(4011), None, None]);
}
