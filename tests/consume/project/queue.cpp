// A program outside of the project that keeps mail in an outbox, with the test server as its relay.
// Argument: the outbox's folder, which does not exist yet.
#include <chrono>
#include <iostream>
#include <postroad/outbox.hpp>
#include <postroad/testing.hpp>

int main(int, char** argv) {
  using namespace std::chrono_literals;
  postroad::testing::Server server;
  server.at(postroad::Stage::rcpt, "bad@example.org").refuse({550, {5, 1, 1}, "no such user"});
  const auto outbox = postroad::Outbox::open({.folder = argv[1], .relays = {server.url()}});
  if (!outbox) {
    std::cerr << outbox.error() << '\n';
    return 1;
  }
  const auto message = postroad::Message{}
                           .from("a@example.org")
                           .to("b@example.org, bad@example.org")
                           .subject("x")
                           .text("y");
  const auto id = (*outbox)->submit(message);
  if (!id || !(*outbox)->wait(*id, 30s)) return 2;
  const auto status = (*outbox)->status(*id);
  if (!status || status->recipients.at(0).outcome != postroad::Outcome::accepted) return 3;
  if (status->recipients.at(1).outcome != postroad::Outcome::refused) return 4;
  if (server.received().size() != 1) return 5;
  std::cout << "queued and sent\n";
  return 0;
}
