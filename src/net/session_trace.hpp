// The trace of one session, line by line, with secrets hidden: what `--trace` prints and tests
// compare.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace postroad::net {

/// Splits bytes into lines and hands each to `sink` with an arrow: "->" sent, "<-" received, "--" a
/// note. A secret is shown as "[hidden]", whatever its length. Lines are made printable and cut at
/// 1,000 bytes.
class SessionTrace final {
 public:
  using Sink = std::function<void(std::string_view arrow, std::string_view line)>;
  explicit SessionTrace(Sink sink) : sink_(std::move(sink)) {}
  void sent(std::string_view bytes, bool secret) { add(out_, "->", bytes, secret); }
  void received(std::string_view bytes, bool secret) { add(in_, "<-", bytes, secret); }
  void note(std::string_view text) { sink_("--", text); }

 private:
  struct Line {
    std::string text;
    bool secret = false;
  };
  void add(Line& line, std::string_view arrow, std::string_view bytes, bool secret);
  Sink sink_;
  Line out_;
  Line in_;
};

}  // namespace postroad::net
