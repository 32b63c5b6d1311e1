// An observer of one conversation, line by line, with secrets hidden: what `--trace` prints and
// tests compare.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace postroad::net {

/// Cuts octets into lines and hands each to `sink` with an arrow: "->" sent, "<-" received, "--" a
/// note. What is secret is shown as
/// "[hidden]" in full, however many octets it had. Lines are made safe to show and cut at 1,000
/// octets.
class Trace final {
 public:
  using Sink = std::function<void(std::string_view arrow, std::string_view line)>;
  explicit Trace(Sink sink) : sink_(std::move(sink)) {}
  void sent(std::string_view octets, bool secret) { add(out_, "->", octets, secret); }
  void received(std::string_view octets, bool secret) { add(in_, "<-", octets, secret); }
  void note(std::string_view text) { sink_("--", text); }

 private:
  struct Line {
    std::string text;
    bool secret = false;
  };
  void add(Line& line, std::string_view arrow, std::string_view octets, bool secret);
  Sink sink_;
  Line out_;
  Line in_;
};

}  // namespace postroad::net
