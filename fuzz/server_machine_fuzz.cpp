// The server machine against any bytes in any chunking, with a policy that accepts all: it ends
// when its peer does, holds back no more than its limits, and commits only messages with a
// recipient. The first bytes of the input choose options and chunking, the rest come from the
// client.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "proto/smtp/server/server_machine.hpp"

namespace {

using namespace postroad;
using namespace postroad::smtp;
using proto::Wish;

ServerOptions options_from(std::uint8_t bits) {
  ServerOptions options;
  options.tls = (bits & 1) != 0 ? TlsMode::offered : TlsMode::none;
  options.auth = options.allow_auth_in_clear = (bits & 2) != 0;
  options.allow_bare_addresses = (bits & 4) != 0;
  options.bare_line_ends = (bits & 8) != 0 ? BareLineEnds::keep : BareLineEnds::refuse;
  options.vrfy = options.expn = (bits & 16) != 0;
  options.limits.command_line = 200;
  options.limits.auth_line = 300;
  options.limits.recipients = 3;
  options.limits.message_size = 500;
  options.limits.replies = 400;
  options.limits.commands = 200;
  return options;
}

struct FuzzedSession {
  explicit FuzzedSession(const ServerOptions& given) : options(given), machine(options) {}

  void answer() {
    const auto& question = machine.question();
    if (std::holds_alternative<AskData>(question)) kept = 0;
    if (const auto* body = std::get_if<AskBody>(&question)) kept += body->bytes.size();
    if (kept > options.limits.message_size) std::abort();
    if (const auto* end = std::get_if<AskEnd>(&question); end != nullptr && end->keep) {
      if (machine.transaction().recipients.empty() || machine.transaction().recipients.size() > 3)
        std::abort();
    }
    if (std::holds_alternative<AskAuth>(question)) return machine.answered({235, {2, 7, 0}, "in"});
    machine.answered({});
  }

  // One wish; false when the machine is done.
  bool grant(std::string_view& bytes, std::size_t piece) {
    const auto action = machine.next(now);
    if (action.bytes.size() > options.limits.replies + 1000) std::abort();
    switch (action.wish) {
      case Wish::send:
        machine.sent(1 + action.bytes.size() / 2);
        break;
      case Wish::consult:
        answer();
        break;
      case Wish::start_tls:
        machine.tls_up({"TLSv1.3", "test", false});
        break;
      case Wish::done:
        return false;
      case Wish::receive:
        if (bytes.empty()) {
          machine.closed();
        } else {
          held = bytes.substr(0, piece);
          bytes.remove_prefix(held.size());
          machine.received(held);
        }
    }
    return true;
  }

  ServerOptions options;
  ServerMachine machine;
  proto::Time now{std::chrono::hours(1)};
  std::string held;
  std::uint64_t kept = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  FuzzedSession session(options_from(data[0]));
  const std::size_t piece = data[1] == 0 ? size : data[1];
  const std::size_t bound = 1000 + size * 40;
  for (std::size_t step = 0; session.grant(bytes, piece); ++step) {
    if (step > bound) std::abort();
  }
  if (session.machine.ending() == Ending::open) std::abort();
  return 0;
}
