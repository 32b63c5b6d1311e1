// A disk in memory that can lose data; see test_disk.hpp. A file is its synced bytes plus the
// changes since, in order; a folder is its synced names plus the names now.
#include "spool/testing/test_disk.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <random>
#include <utility>

namespace postroad::spool {

namespace {

struct Change {
  bool cut = false;  ///< the file is cut at `offset`; otherwise `bytes` are written there
  std::uint64_t offset = 0;
  std::string bytes;
};

struct Node {
  std::string now;
  std::string synced;
  std::vector<Change> changes;
};

void play(std::string& bytes, const Change& change) {
  if (change.cut) {
    bytes.resize(change.offset);
    return;
  }
  if (bytes.size() < change.offset + change.bytes.size()) {
    bytes.resize(change.offset + change.bytes.size());
  }
  bytes.replace(change.offset, change.bytes.size(), change.bytes);
}

using Names = std::map<std::string, std::shared_ptr<Node>>;

}  // namespace

struct TestDisk::State {
  mutable std::mutex mutex;
  std::mt19937_64 random;
  Names now;
  Names synced;
  Failure failure;
  std::uint64_t calls = 0;
  std::uint64_t syncs = 0;
  std::uint64_t available = UINT64_MAX;
  std::function<void()> before_sync;

  /// Counts a call; the error if this call fails. Under the mutex.
  Result<void> call(const std::string& where) {
    ++calls;
    const bool fails =
        failure.call != 0 && (calls == failure.call || (failure.sticky && calls > failure.call));
    if (!fails) return {};
    return postroad::fail(failure.fault, where,
                          "the test disk fails call " + std::to_string(calls));
  }
};

namespace {

class TestFile final : public File {
 public:
  TestFile(std::shared_ptr<TestDisk::State> state, std::shared_ptr<Node> node, std::string name)
      : state_(std::move(state)), node_(std::move(node)), name_(std::move(name)) {}

  Result<void> write(std::span<const std::string_view> parts, std::uint64_t offset) override {
    std::string bytes;
    for (const auto part : parts) bytes += part;
    const std::lock_guard lock(state_->mutex);
    auto result = state_->call(name_);
    if (!result) bytes.resize(state_->failure.partial ? state_->random() % (bytes.size() + 1) : 0);
    if (!bytes.empty()) change({false, offset, std::move(bytes)});
    return result;
  }

  Result<std::size_t> read(std::span<char> into, std::uint64_t offset) const override {
    const std::lock_guard lock(state_->mutex);
    if (offset >= node_->now.size()) return std::size_t{0};
    return node_->now.copy(into.data(), into.size(), offset);
  }

  Result<void> sync() override {
    if (state_->before_sync) state_->before_sync();
    const std::lock_guard lock(state_->mutex);
    ++state_->syncs;
    if (auto result = state_->call(name_); !result) {
      // Like Linux: the pages count as clean afterwards, whether or not they reached the disk.
      for (const auto& each : std::exchange(node_->changes, {})) {
        if (state_->random() % 2 == 0) play(node_->synced, each);
      }
      return result;
    }
    node_->synced = node_->now;
    node_->changes.clear();
    return {};
  }

  Result<void> truncate(std::uint64_t size) override {
    const std::lock_guard lock(state_->mutex);
    auto result = state_->call(name_);
    if (result) change({true, size, {}});
    return result;
  }

  [[nodiscard]] Result<std::uint64_t> size() const override {
    const std::lock_guard lock(state_->mutex);
    return std::uint64_t{node_->now.size()};
  }

 private:
  void change(Change change) {
    play(node_->now, change);
    node_->changes.push_back(std::move(change));
  }

  std::shared_ptr<TestDisk::State> state_;
  std::shared_ptr<Node> node_;
  std::string name_;
};

class TestFolder final : public Disk {
 public:
  explicit TestFolder(std::shared_ptr<TestDisk::State> state) : state_(std::move(state)) {}

  Result<std::unique_ptr<File>> create(const std::string& name) override {
    const std::lock_guard lock(state_->mutex);
    if (auto result = state_->call(name); !result) return result.error();
    if (state_->now.contains(name)) return fail(Fault::io, name, "exists already");
    auto node = std::make_shared<Node>();
    state_->now[name] = node;
    return file(node, name);
  }

  Result<std::unique_ptr<File>> open(const std::string& name) override {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->now.find(name);
    if (found == state_->now.end()) return fail(Fault::io, name, "does not exist");
    return file(found->second, name);
  }

  Result<void> remove(const std::string& name) override {
    const std::lock_guard lock(state_->mutex);
    if (auto result = state_->call(name); !result) return result;
    if (state_->now.erase(name) == 1) return {};
    return fail(Fault::io, name, "does not exist");
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    const std::lock_guard lock(state_->mutex);
    if (auto result = state_->call(from); !result) return result;
    auto node = state_->now.extract(from);
    if (!node) return fail(Fault::io, from, "does not exist");
    state_->now[to] = std::move(node.mapped());
    return {};
  }

  [[nodiscard]] Result<std::vector<std::string>> list() const override {
    const std::lock_guard lock(state_->mutex);
    std::vector<std::string> names;
    for (const auto& [name, node] : state_->now) names.push_back(name);
    return names;
  }

  Result<void> sync_folder() override {
    const std::lock_guard lock(state_->mutex);
    if (auto result = state_->call("the folder"); !result) return result;
    state_->synced = state_->now;
    return {};
  }

  [[nodiscard]] Result<std::uint64_t> available() const override {
    const std::lock_guard lock(state_->mutex);
    return state_->available;
  }

 private:
  std::unique_ptr<File> file(std::shared_ptr<Node> node, const std::string& name) {
    return std::make_unique<TestFile>(state_, std::move(node), name);
  }

  std::shared_ptr<TestDisk::State> state_;
};

/// Contents of a node after a crash in which each change since the last sync survives or not.
std::string survivor(const Node& node, TestDisk::Loss loss, std::mt19937_64& random) {
  auto bytes = node.synced;
  if (loss == TestDisk::Loss::all) return bytes;
  for (auto change : node.changes) {
    const auto fate = random() % 4;
    if (fate == 0) continue;
    if (fate == 1 && !change.cut) change.bytes.resize(random() % (change.bytes.size() + 1));
    play(bytes, change);
  }
  return bytes;
}

Names surviving_names(const TestDisk::State& state, TestDisk::Loss loss, std::mt19937_64& random) {
  Names names = state.synced;
  if (loss == TestDisk::Loss::all) return names;
  for (const auto& [name, node] : state.now) {
    if (!names.contains(name) && random() % 2 == 0) names[name] = node;
  }
  for (const auto& [name, node] : state.synced) {
    if (!state.now.contains(name) && random() % 2 == 0) names.erase(name);
  }
  return names;
}

/// The system survives: everything is there, and unsynced changes can still be lost.
void keep_all(const TestDisk::State& from, TestDisk::State& to) {
  std::map<const Node*, std::shared_ptr<Node>> copies;
  const auto copy = [&](const std::shared_ptr<Node>& node) {
    auto& made = copies[node.get()];
    if (!made) made = std::make_shared<Node>(*node);
    return made;
  };
  for (const auto& [name, node] : from.now) to.now[name] = copy(node);
  for (const auto& [name, node] : from.synced) to.synced[name] = copy(node);
}

}  // namespace

TestDisk::TestDisk(std::uint64_t seed) : state_(std::make_shared<State>()) {
  state_->random.seed(seed);
}

std::unique_ptr<Disk> TestDisk::open() const { return std::make_unique<TestFolder>(state_); }

void TestDisk::crash(Loss loss) {
  // Files that are still open keep the old state; the next open gets the new one.
  const auto old = state_;
  auto next = std::make_shared<State>();
  const std::lock_guard lock(old->mutex);
  next->random.seed(old->random());
  next->syncs = old->syncs;
  if (loss == Loss::none) {
    keep_all(*old, *next);
  } else {
    for (const auto& [name, node] : surviving_names(*old, loss, next->random)) {
      auto copy = std::make_shared<Node>();
      copy->now = copy->synced = survivor(*node, loss, next->random);
      next->now[name] = next->synced[name] = std::move(copy);
    }
  }
  state_ = std::move(next);
}

void TestDisk::fail(Failure failure) {
  const std::lock_guard lock(state_->mutex);
  state_->failure = failure;
  state_->calls = 0;
}

std::uint64_t TestDisk::calls() const {
  const std::lock_guard lock(state_->mutex);
  return state_->calls;
}

void TestDisk::set_available(std::uint64_t bytes) {
  const std::lock_guard lock(state_->mutex);
  state_->available = bytes;
}

void TestDisk::before_sync(std::function<void()> hook) {
  const std::lock_guard lock(state_->mutex);
  state_->before_sync = std::move(hook);
}

std::uint64_t TestDisk::syncs() const {
  const std::lock_guard lock(state_->mutex);
  return state_->syncs;
}

std::string TestDisk::content(const std::string& name) const {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->now.find(name);
  return found == state_->now.end() ? std::string() : found->second->now;
}

void TestDisk::set_content(const std::string& name, std::string bytes) {
  const std::lock_guard lock(state_->mutex);
  auto node = std::make_shared<Node>();
  node->now = node->synced = std::move(bytes);
  state_->now[name] = state_->synced[name] = std::move(node);
}

std::vector<std::string> TestDisk::names() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<std::string> out;
  for (const auto& [name, node] : state_->now) out.push_back(name);
  return out;
}

}  // namespace postroad::spool
