// A program outside of the project: what it includes and links is what is installed, nothing else.
#include <postroad/async.hpp>
#include <postroad/client.hpp>

#include <boost/asio/use_future.hpp>
#include <iostream>

int main() {
  const auto mailbox = postroad::Mailbox::parse("test@163.com");
  if (!mailbox || mailbox->text() != "test@163.com") return 1;
  // No server listens on port 1: both clients return an Error with its text.
  postroad::Client client{"smtp://127.0.0.1:1"};
  const auto report = client.send(
      postroad::Message{}.from("a@example.org").to("b@example.org").subject("x").text("y"));
  if (report || report.error().fault != postroad::Fault::connect) return 2;
  std::cout << report.error() << '\n';
  postroad::AsyncClient later{"smtp://127.0.0.1:1"};
  const auto reply = later.async_command("NOOP", "", boost::asio::use_future).get();
  if (reply || reply.error().fault != postroad::Fault::connect) return 3;
  std::cout << "consumed\n";
  return 0;
}
