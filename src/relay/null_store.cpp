// See null_store.hpp.
#include "relay/null_store.hpp"

namespace postroad::relay {

namespace {

class NullSink final : public server::MessageSink {
 public:
  Result<void> append(std::string_view) override { return {}; }
  [[nodiscard]] bool ready() const override { return true; }
  void when_ready(std::function<void()> resume) override { resume(); }
  void commit(server::Additions, std::function<void(Reply)> done) override {
    done({250, {2, 0, 0}, "Ok: discarded"});
  }
};

}  // namespace

server::Store::Opened NullStore::open(const server::SessionInfo&, const smtp::Transaction&) {
  return {std::make_unique<NullSink>(), {}};
}

}  // namespace postroad::relay
