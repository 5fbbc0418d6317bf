//! The bare handler: actix-web with as many workers, the body parsed as JSON, the accept's own calls in sequence on one
//! multiplexed connection a worker, an answer of the same form. No rules, no secrets, no ids drawn, no limits.

use super::order::{PARTNER, PLAN};
use super::recording::Template;
use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo as _, RedisError, Value};
use serde_json::json;
use std::net::{SocketAddr, TcpListener};

pub struct Bare {
    address: SocketAddr,
    server: ServerHandle,
}

impl Bare {
    pub async fn start(url: &str, template: Template) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let (client, template) = (client(url), web::Data::new(template));
        let server = HttpServer::new(move || {
            let client = client.clone();
            App::new()
                .app_data(template.clone())
                .data_factory(move || {
                    let client = client.clone();
                    async move { client.get_multiplexed_async_connection().await }
                })
                .default_service(web::post().to(accept))
        });
        let server = server.disable_signals().listen(listener).expect("it listens").run();
        let handle = server.handle();
        actix_rt::spawn(server);
        Self { address, server: handle }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub async fn stop(self) {
        self.server.stop(true).await;
    }
}

/// As the service's: without it, a call waits for the acknowledgement of the one before.
fn client(url: &str) -> Client {
    let info = url.into_connection_info().expect("a URL");
    let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    Client::open(info).expect("a URL")
}

async fn accept(
    body: web::Bytes,
    template: web::Data<Template>,
    connection: web::Data<MultiplexedConnection>,
) -> HttpResponse {
    let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert!(body["service_provider_document_id"] == PARTNER && body["plan_version_id"] == PLAN);
    let location = body["location_hash"].as_str().expect("a location");
    let number = usize::from_str_radix(location, 16).expect("a number");
    let (calls, [job, subscription]) = template.calls(number);
    let mut connection = MultiplexedConnection::clone(&connection);
    let made: Result<Vec<String>, RedisError> = async {
        let _: Vec<Value> = calls.count.query_async(&mut connection).await?;
        let _: Vec<Option<Vec<u8>>> = calls.look.query_async(&mut connection).await?;
        let _: Vec<Option<Vec<u8>>> = calls.port.query_async(&mut connection).await?;
        calls.commit.query_async(&mut connection).await
    }
    .await;
    match made {
        Ok(made) if made[1] == "applied" => HttpResponse::Ok().json(json!({
            "job_id": job, "subscription_id": subscription, "message": "Provisioning started",
        })),
        other => HttpResponse::InternalServerError().body(format!("{other:?}")),
    }
}
