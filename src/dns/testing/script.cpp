// See script.hpp.
#include "dns/testing/script.hpp"

#include <boost/asio/ip/address.hpp>

#include "base/text.hpp"

namespace postroad::dns {

namespace {

std::string key_of(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return lower(name);
}

std::string number_data(std::uint16_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number & 255)};
}

template <class Bytes>
std::string text_of(const Bytes& bytes) {
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::string address_data(std::string_view address) {
  const auto parsed = boost::asio::ip::make_address(address);
  return parsed.is_v4() ? text_of(parsed.to_v4().to_bytes()) : text_of(parsed.to_v6().to_bytes());
}

std::string name_data(std::string_view name) {
  std::string out;
  if (name.ends_with('.')) name.remove_suffix(1);
  for (const auto label : split(name, '.')) {
    if (label.empty()) break;  // the root
    out += static_cast<char>(label.size());
    out += label;
  }
  return out + '\0';
}

std::string mx_data(std::uint16_t preference, std::string_view exchange) {
  return number_data(preference) + name_data(exchange);
}

std::string tlsa_data(std::uint8_t usage, std::uint8_t selector, std::uint8_t matching,
                      std::string_view data) {
  const std::uint8_t numbers[] = {usage, selector, matching};
  return std::string(std::begin(numbers), std::end(numbers)) + std::string(data);
}

std::string txt_data(const std::vector<std::string>& strings) {
  std::string out;
  for (const auto& one : strings) out += static_cast<char>(one.size()) + one;
  return out;
}

void Script::set(std::string_view name, RecordType type, Response response) {
  const std::lock_guard lock(mutex_);
  entries_[key_of(name)][type] = std::move(response);
}

void Script::records(std::string_view name, RecordType type, std::vector<std::string> data,
                     std::string canonical_name) {
  Response response;
  response.status = data.empty() ? Status::no_data : Status::records;
  response.ttl = std::chrono::seconds(300);
  response.canonical_name = std::move(canonical_name);
  response.data = std::move(data);
  set(name, type, std::move(response));
}

void Script::fail(std::string_view name, RecordType type, std::string reason) {
  set(name, type, Response::failed(std::move(reason)));
}

Response Script::find(std::string_view name, RecordType type) const {
  const std::lock_guard lock(mutex_);
  Response response;
  response.status = Status::no_domain;
  const auto entry = entries_.find(key_of(name));
  if (entry == entries_.end()) return response;
  response.status = Status::no_data;
  const auto found = entry->second.find(type);
  return found == entry->second.end() ? response : found->second;
}

}  // namespace postroad::dns
