// A resolver that validates DNSSEC only where its name servers pass on signatures. One that does
// not would make every answer bogus, and each message would wait for a zone that is right.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "dns/unbound_resolver.hpp"

namespace postroad::dns {

/// The keys of the root zone, as IANA publishes them
/// (https://data.iana.org/root-anchors/root-anchors.xml): of 2017 and of 2024.
std::vector<std::string> root_anchors();

/// Before the first query is answered, and every minute until it knows, the resolver asks for the
/// keys of the zone of its first trust anchor. The answer decides for all zones:
/// | keys                              | anchors given | root_anchors() |
/// | secure                            | validates     | validates      |
/// | without signatures                | does not      | does not       |
/// | bogus, but signed (wrong or old)  | validates     | does not (*)   |
/// | no answer                         | validates     | does not (*)   |
///
/// (*) It does if the answer before, also before a restart, was secure.
class CheckedResolver final : public Resolver {
 public:
  /// Told once, on the executor, why answers are not validated.
  using Tell = std::function<void(const std::string& why)>;

  /// Without trust anchors in `options`: root_anchors(). `memory` is a file that is there while the
  /// last definite answer was validated: then anchors of the root count like given ones, so that an
  /// attacker who loses or damages one answer does not switch validation off. Empty: none. Error:
  /// as UnboundResolver::open.
  static Result<std::unique_ptr<CheckedResolver>> open(const boost::asio::any_io_executor& executor,
                                                       UnboundOptions options, Tell tell,
                                                       std::filesystem::path memory = {});
  /// As UnboundResolver's.
  ~CheckedResolver() override;

 private:
  struct State;
  explicit CheckedResolver(std::shared_ptr<State> state) : state_(std::move(state)) {}
  [[nodiscard]] std::optional<Response> find(const std::string& name,
                                             RecordType type) const override;
  void start(std::shared_ptr<Query> query) override;
  static boost::asio::awaitable<void> check(std::weak_ptr<State> weak);
  static void remember(State& state, bool has_validated);
  static void decide(State& state, const Result<Answer<std::string>>& keys);
  std::shared_ptr<State> state_;
};

}  // namespace postroad::dns
