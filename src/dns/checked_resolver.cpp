// See checked_resolver.hpp.
#include "dns/checked_resolver.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fstream>
#include <mutex>

#include "base/descriptor.hpp"
#include "base/text.hpp"

namespace postroad::dns {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds patience{5};
constexpr std::chrono::minutes pause{1};

// The owner of the first record: "example.org. 3600 IN DS …".
std::string zone_of(std::string_view records) {
  for (const auto line : split(records, '\n')) {
    const auto name = line.substr(0, line.find_first_of(" \t\r"));
    if (!name.empty() && name.front() != ';') return std::string(name);
  }
  return ".";
}

std::string first_zone(const UnboundOptions& options) {
  if (!options.trust_anchors.empty()) return zone_of(options.trust_anchors.front());
  std::ifstream file(options.trust_anchor_file);
  return zone_of(std::string(std::istreambuf_iterator<char>(file), {}));
}

std::string text_of(const std::string& zone, const Result<Answer<std::string>>& keys) {
  const auto begin = "the keys of the zone " + zone + " came ";
  if (!keys) return begin + "not: " + keys.error().detail;
  if (keys->status != Status::temporary_failure && !keys->is_signed)
    return begin + "without DNSSEC signatures: the name server removes them";
  if (keys->reason.empty()) return begin + "as " + std::string(to_string(keys->status));
  return begin + "not: " + keys->reason;
}

}  // namespace

std::vector<std::string> root_anchors() {
  return {". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
          ". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16"};
}

struct CheckedResolver::State {
  asio::any_io_executor executor;
  std::string zone;
  bool is_given = false;  // the anchors; else those of the root
  std::filesystem::path memory;
  Tell tell;
  std::unique_ptr<UnboundResolver> validating;
  std::unique_ptr<UnboundResolver> plain;

  std::mutex mutex;          // of the rest
  Resolver* used = nullptr;  // null: the first check is under way
  bool is_checking = false;
  bool is_settled = false;  // no further check
  bool was_told = false;
  bool has_validated = false;  // the last definite answer; also before a restart
  Time next_check = (Time::min)();
  std::vector<std::shared_ptr<Query>> waiting{};
};

Result<std::unique_ptr<CheckedResolver>> CheckedResolver::open(
    const asio::any_io_executor& executor, UnboundOptions options, Tell tell,
    std::filesystem::path memory) {
  auto state = std::make_shared<State>();
  state->executor = executor;
  state->tell = std::move(tell);
  state->is_given = !options.trust_anchors.empty() || !options.trust_anchor_file.empty();
  if (!state->is_given) options.trust_anchors = root_anchors();
  std::error_code ignored;
  state->has_validated = !memory.empty() && std::filesystem::exists(memory, ignored);
  state->memory = std::move(memory);
  auto validating = UnboundResolver::open(executor, options);
  if (!validating) return validating.error();
  state->zone = first_zone(options);
  options.trust_anchors.clear();
  options.trust_anchor_file.clear();
  auto plain = UnboundResolver::open(executor, options);
  if (!plain) return plain.error();
  state->validating = std::move(*validating);
  state->plain = std::move(*plain);
  return std::unique_ptr<CheckedResolver>(new CheckedResolver(std::move(state)));
}

CheckedResolver::~CheckedResolver() {
  const std::lock_guard lock(state_->mutex);
  for (const auto& query : state_->waiting)
    query->answer(Response::failed("the resolver was closed"));
}

std::optional<Response> CheckedResolver::find(const std::string& name, RecordType type) const {
  const std::lock_guard lock(state_->mutex);
  if (state_->used == nullptr) return std::nullopt;
  return find_at(*state_->used, name, type);
}

void CheckedResolver::start(std::shared_ptr<Query> query) {
  Resolver* used = nullptr;
  {
    const std::lock_guard lock(state_->mutex);
    const bool is_due = !state_->is_settled && !state_->is_checking &&
                        std::chrono::steady_clock::now() >= state_->next_check;
    if (is_due) {
      state_->is_checking = true;
      asio::co_spawn(state_->executor, check(state_), asio::detached);
    }
    used = state_->used;
    if (used == nullptr && state_->waiting.size() < UnboundResolver::max_waiting) {
      state_->waiting.push_back(std::move(query));
      return;
    }
  }
  if (used == nullptr) return query->answer(Response::failed("too many DNS queries are under way"));
  pass_on(*used, std::move(query));
}

// The query does not keep the resolver alive, which its owner destroys before the io_context.
asio::awaitable<void> CheckedResolver::check(std::weak_ptr<State> weak) {
  auto state = weak.lock();
  if (!state) co_return;
  auto lookup = state->validating->dnskey(state->zone, std::chrono::steady_clock::now() + patience);
  state.reset();
  const auto keys = co_await std::move(lookup);
  state = weak.lock();
  if (state) decide(*state, keys);
}

// A file that cannot be written costs the protection at the next start alone.
void CheckedResolver::remember(State& state, bool has_validated) {
  if (std::exchange(state.has_validated, has_validated) == has_validated || state.memory.empty())
    return;
  std::error_code ignored;
  if (has_validated)
    (void)replace_file(state.memory.string(), "validated\n");
  else
    std::filesystem::remove(state.memory, ignored);
}

void CheckedResolver::decide(State& state, const Result<Answer<std::string>>& keys) {
  const bool is_secure = keys && keys->is_validated;
  const bool is_stripped = keys && !keys->is_signed && keys->status != Status::temporary_failure;
  const bool validates = is_secure || ((state.is_given || state.has_validated) && !is_stripped);
  if (is_secure || is_stripped) remember(state, is_secure);
  std::vector<std::shared_ptr<Query>> waiting;
  bool tells = false;
  {
    const std::lock_guard lock(state.mutex);
    state.is_checking = false;
    state.is_settled = is_secure;
    state.next_check = std::chrono::steady_clock::now() + pause;
    state.used = validates ? state.validating.get() : state.plain.get();
    waiting = std::move(state.waiting);
    state.waiting.clear();
    tells = !validates && !state.was_told;
    state.was_told = state.was_told || tells;
  }
  for (auto& query : waiting) pass_on(*state.used, std::move(query));
  if (tells && state.tell) state.tell(text_of(state.zone, keys));
}

}  // namespace postroad::dns
