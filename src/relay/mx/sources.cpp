// See sources.hpp.
#include "relay/mx/sources.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cmath>

namespace postroad::relay::mx {

namespace {

constexpr std::string_view word = " from ";
constexpr std::size_t most_failed = 10'000;

// FNV-1a, then the finish of MurmurHash3: the same on every machine.
std::uint64_t hash_of(std::string_view text, std::uint64_t value) {
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  value = (value ^ (value >> 33)) * 0xff51afd7ed558ccd;
  value = (value ^ (value >> 33)) * 0xc4ceb9fe1a85ec53;
  return value ^ (value >> 33);
}

// Rendezvous hashing by weight: the highest one is taken.
double preference(const Source& source, std::uint64_t seed) {
  const auto hash = hash_of(source.name, seed) >> 11;
  const auto share = (static_cast<double>(hash) + 0.5) / static_cast<double>(1ULL << 53);
  return -static_cast<double>(source.weight) / std::log(share);
}

std::string refusal(const boost::asio::ip::address& address) {
  boost::asio::io_context context;
  boost::asio::ip::udp::socket socket(context);
  boost::system::error_code error;
  const boost::asio::ip::udp::endpoint endpoint(address, 0);
  socket.open(endpoint.protocol(), error);
  if (!error) socket.bind(endpoint, error);
  return error ? address.to_string() + ": " + error.message() : std::string();
}

}  // namespace

std::uint64_t source_seed(const spool::Envelope& envelope) {
  return hash_of(envelope.reverse_path + '\n' + envelope.client,
                 static_cast<std::uint64_t>(envelope.arrived));
}

std::string site_from(const std::string& site, std::string_view source) {
  return source.empty() ? site : site + std::string(word) + std::string(source);
}

SiteAndSource split_site(std::string_view name) {
  const auto at = name.rfind(word);
  if (at == std::string_view::npos) return {name, {}};
  return {name.substr(0, at), name.substr(at + word.size())};
}

const Source* Sources::choose(std::uint64_t seed, const std::string& domain, Time now) const {
  const Source* best = nullptr;
  const Source* best_of_failed = nullptr;
  const auto take = [seed](const Source& one, const Source*& into) {
    if (into == nullptr || preference(one, seed) > preference(*into, seed)) into = &one;
  };
  const std::lock_guard lock(mutex_);
  const auto has_failed = [&](const std::string& key) {
    const auto found = failed_.find(key);
    return found != failed_.end() && now < found->second;
  };
  for (const auto& one : all_) {
    const bool is_out = has_failed(one.name + ' ') || has_failed(one.name + ' ' + domain);
    take(one, is_out ? best_of_failed : best);
  }
  return best != nullptr ? best : best_of_failed;
}

const Source* Sources::find(std::string_view name) const {
  const auto found =
      std::find_if(all_.begin(), all_.end(), [name](const auto& one) { return one.name == name; });
  return found == all_.end() ? nullptr : &*found;
}

void Sources::note_failure(const std::string& name, const std::string& domain, Time now) {
  const std::lock_guard lock(mutex_);
  if (failed_.size() >= most_failed) failed_.clear();
  failed_[name + ' ' + domain] = now + failed_memory;
}

void keep_reachable(const Source& source, std::vector<boost::asio::ip::address>& addresses) {
  std::erase_if(addresses, [&](const auto& address) {
    return !(address.is_v6() ? source.ipv6 : source.ipv4);
  });
}

std::string why_unusable(const Source& source) {
  std::string reasons;
  for (const auto& address : {source.ipv6, source.ipv4}) {
    if (!address) continue;
    const auto reason = refusal(*address);
    if (reason.empty()) return {};
    reasons += (reasons.empty() ? "" : "; ") + reason;
  }
  return reasons;
}

}  // namespace postroad::relay::mx
