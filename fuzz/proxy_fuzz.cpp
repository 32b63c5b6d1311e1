// Any bytes as a PROXY header and as a proxy's replies: accepted or refused the same in every
// chunking; a header that was read can be written again.
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/proxy/header.hpp"
#include "proto/proxy/tunnel.hpp"

namespace proxy = postroad::proxy;
using postroad::proto::Wish;

namespace {

void read_header(std::string_view bytes) {
  auto input = bytes;
  const auto header = proxy::parse(input);
  if (!header || !*header) return;
  if (input.size() > bytes.size()) __builtin_trap();
  if ((*header)->is_local) return;
  const auto again = proxy::format_v1(**header);
  if (!again) __builtin_trap();
  std::string_view text = *again;
  const auto same = proxy::parse(text);
  if (!same || !*same || !(**same == **header) || !text.empty()) __builtin_trap();
}

void open_tunnel(proxy::Kind kind, bool with_login, std::string_view bytes, std::size_t piece) {
  proxy::TunnelMachine tunnel({.kind = kind,
                               .proxy = "proxy.example:1080",
                               .host = "mail.example",
                               .port = 25,
                               .user = with_login ? "user" : "",
                               .password = postroad::Secret(with_login ? "secret" : "")});
  for (int turn = 0; turn < 100'000; ++turn) {
    const auto action = tunnel.next({});
    if (action.wish == Wish::done) return;
    if (action.wish == Wish::send) {
      tunnel.sent(action.bytes.size());
    } else if (bytes.empty()) {
      tunnel.closed();
    } else {
      const auto count = std::min(piece, bytes.size());
      tunnel.received(bytes.substr(0, count));
      bytes.remove_prefix(count);
    }
  }
  __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_header(bytes);
  for (const auto kind : {proxy::Kind::socks5, proxy::Kind::http}) {
    for (const bool with_login : {false, true}) {
      open_tunnel(kind, with_login, bytes, 1);
      open_tunnel(kind, with_login, bytes, bytes.size() + 1);
    }
  }
  return 0;
}
