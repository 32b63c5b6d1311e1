// The client machine against any server: opening, two messages, a command and QUIT over replies
// taken from the input in any chunking. It ends; no recipient is accepted without a 2yz; every
// recipient has an outcome; a password is never sent without TLS. The first bytes of the input
// choose the options and the chunking, the rest is the server's output. Read on in
// src/proto/smtp/client/client_machine.hpp.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "proto/smtp/client/client_machine.hpp"

namespace {

using namespace postroad;
using namespace postroad::smtp;
using proto::Wish;

ClientOptions options_from(std::uint8_t bits) {
  ClientOptions options;
  options.server = "mx.example:25";
  options.tls = static_cast<Tls>(1 + bits % 4);
  if ((bits & 4) != 0) options.login = sasl::Credentials{"user", {}, Secret("secret")};
  if ((bits & 8) != 0) options.recipient_policy = RecipientPolicy::all_or_none;
  if ((bits & 16) != 0) options.pipelining = false;
  if ((bits & 32) != 0) options.limits.window = 2;
  if ((bits & 64) != 0) options.plain_helo = true;
  if ((bits & 128) != 0) options.mechanism = "LOGIN";
  options.limits.replies = {.line = 200, .lines = 16, .total = 1000};
  return options;
}

struct Conversation {
  Conversation(std::uint8_t bits, std::string_view given, std::size_t size)
      : machine(options_from(bits)), bytes(given), piece(size) {}

  void feed() {
    if (bytes.empty()) return machine.closed();
    held = bytes.substr(0, piece);
    bytes.remove_prefix(held.size());
    machine.received(held);
  }

  void drive() {
    const auto most = 2000 + bytes.size() * 4;
    for (std::size_t step = 0;; ++step) {
      if (step > most) std::abort();
      const auto action = machine.next(now);
      switch (action.wish) {
        case Wish::send:
          if (!machine.tls() && action.bytes.find("c2VjcmV0") != std::string_view::npos)
            std::abort();
          machine.sent(1 + action.bytes.size() / 2);
          break;
        case Wish::receive:
          feed();
          break;
        case Wish::start_tls:
          machine.tls_up({"TLSv1.3", "test", true});
          break;
        case Wish::consult:
          body_left-- > 0 ? machine.body("a\n.b\r") : machine.body_end();
          break;
        case Wish::done:
          return;
      }
    }
  }

  void mail() {
    body_left = 3;
    MailRequest request;
    request.envelope.reverse_path = {"a", "x.example"};
    for (const auto* local : {"b", "c", "d"})
      request.envelope.recipients.push_back({local, "y.example"});
    request.size = 15;
    machine.send(std::move(request));
    drive();
    for (const auto& recipient : machine.report().recipients) {
      if (recipient.outcome == Outcome::accepted && !recipient.reply.is_success()) std::abort();
      if (recipient.stage == Stage::none) std::abort();
    }
    if (machine.error() && machine.error()->text().empty()) std::abort();
  }

  ClientMachine machine;
  std::string_view bytes;
  std::size_t piece;
  proto::Time now{std::chrono::hours(1)};
  std::string held;
  int body_left = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  Conversation conversation(data[0], bytes, data[1] == 0 ? size : data[1]);
  conversation.machine.open();
  conversation.drive();
  if (conversation.machine.error()) return 0;
  conversation.mail();
  if (conversation.machine.is_usable()) conversation.mail();
  if (!conversation.machine.is_usable()) return 0;
  conversation.machine.command("NOOP", "");
  conversation.drive();
  if (!conversation.machine.is_usable()) return 0;
  conversation.machine.quit();
  conversation.drive();
  return 0;
}
