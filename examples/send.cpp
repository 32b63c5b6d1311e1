// Sends one message and prints the outcome per recipient: the README's example, compiled and run as
// a test.
#include <postroad/client.hpp>

#include <iostream>

int main(int argc, char** argv) {
  postroad::Client client{argc > 1 ? argv[1] : "smtp://127.0.0.1:2525"};

  auto report = client.send(postroad::Message{}
                                .from("test <test@163.com>")
                                .to("test@gmail.com, friend@example.org")
                                .subject("測試標題")
                                .html(R"(郵件內容 <a href="https://example.org">link</a>)"));

  if (!report) {  // the session ended before anything was decided
    // mail.example:587 PASSWORD: 535 5.7.8 authentication failed
    std::cerr << report.error() << '\n';
    return 1;
  }
  for (const auto& rcpt : report->recipients) {
    std::cout << rcpt.address << ' ' << rcpt.outcome << ' ' << rcpt.reply << '\n';
  }
  return report->all_accepted() ? 0 : 2;
}
