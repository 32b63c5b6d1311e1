// The MIME tree, from what a Reader tells; see parse.hpp.
#include "mail/parse.hpp"

#include <algorithm>

namespace postroad::mail {

namespace {

// The view `part` of `copy` as one of `original`, which holds the same octets.
std::string_view rebase(std::string_view part, std::string_view copy, std::string_view original) {
  return original.substr(static_cast<std::size_t>(part.data() - copy.data()), part.size());
}

class TreeSink final : public PartSink {
 public:
  explicit TreeSink(std::string_view octets) : octets_(octets) {}
  void begin(const PartHead& head) override {
    Part* part = &root_;
    if (!open_.empty()) part = &open_.back()->parts.emplace_back();
    open_.push_back(part);
    const auto original = octets_.substr(head.header_offset, head.header.size());
    part->fields = head.fields;
    for (auto& field : part->fields) {
      for (auto* view : {&field.name, &field.body, &field.whole})
        *view = rebase(*view, head.header, original);
    }
    part->type = head.type;
    part->disposition = head.disposition;
    part->cut = head.cut;
    part->body = octets_.substr(head.body_offset);
  }
  void body(std::string_view /*octets*/) override {}
  void end(std::uint64_t offset, bool cut) override {
    auto& part = *open_.back();
    const auto begin = static_cast<std::uint64_t>(part.body.data() - octets_.data());
    part.body = part.body.substr(0, std::max(offset, begin) - begin);
    part.cut = part.cut || cut;
    open_.pop_back();
  }
  Part take() { return std::move(root_); }

 private:
  std::string_view octets_;
  Part root_;
  std::vector<Part*> open_;  // a part's list grows only while none of its parts is open
};

}  // namespace

Part parse_message(std::string_view octets, const ParseLimits& limits) {
  TreeSink sink(octets);
  Reader reader(sink, limits);
  reader.take(octets);
  reader.finish();
  return sink.take();
}

}  // namespace postroad::mail
