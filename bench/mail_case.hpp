// Shared by mail_postroad.cpp, mail_gmime.cpp and mail_vmime.cpp: the three messages, the clock and
// the printed result. Each is called `mail_x compose|parse small|mixed|large SECONDS FOLDER`.
// FOLDER contains large.bin to attach and small.eml, mixed.eml and large.eml to parse.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace mail_case {

inline constexpr std::string_view subject =
    "Grüße aus Köln: die Sitzung am 3. März fällt leider aus";
inline constexpr std::string_view from_name = "Jürgen Müller";
inline constexpr std::string_view from_address = "juergen@bench.example";
inline constexpr std::string_view to_names[] = {"Zoë Ødegård", "Мария Плотникова"};
inline constexpr std::string_view to_addresses[] = {"zoe@bench.example", "maria@bench.example"};
inline constexpr std::size_t attachments = 3;
inline constexpr std::size_t attached_bytes = 100 * 1000;

/// 2 KB of ordinary text with CRLF line ends, which is shortest as quoted-printable.
inline std::string text() {
  std::string out;
  while (out.size() < 2000)
    out += "Nach dem Regen am Nachmittag führt der Weg noch immer zur alten Mühle.\r\n";
  return out;
}

inline std::string html() {
  std::string out = "<html><body>\r\n";
  while (out.size() < 4000)
    out += "<p class=\"line\">Noch immer führt der Weg zur alten Mühle.</p>\r\n";
  return out + "</body></html>\r\n";
}

/// Bytes like those of an image or an archive: without a pattern, the same each time.
inline std::string noise(std::size_t size) {
  std::string out(size, '\0');
  std::uint32_t state = 1;
  for (auto& c : out) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return out;
}

inline std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Call {
  std::string work;
  std::string mail;
  double seconds;
  std::string folder;
  [[nodiscard]] std::string path() const { return folder + '/' + mail + ".eml"; }
  [[nodiscard]] std::string attached() const { return folder + "/large.bin"; }
};

/// The work of one round, in bytes.
struct Round {
  std::uint64_t bytes = 0;    ///< size of the message
  std::uint64_t decoded = 0;  ///< decoded size of its leaves, if it was parsed
};

/// Peak resident memory. Not ru_maxrss, which includes the peak of the calling process.
inline long peak_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
  }
  return 0;
}

/// Repeats `once` until the time is over, and prints the throughput.
template <typename Once>
int measure(const Call& call, Once once) {
  using Clock = std::chrono::steady_clock;
  auto round = once();
  std::uint64_t rounds = 0;
  const auto begin = Clock::now();
  std::chrono::duration<double> wall{};
  for (; wall.count() < call.seconds; wall = Clock::now() - begin, ++rounds) round = once();
  if (round.bytes == 0) return 1;
  std::printf("{\"mb_per_second\": %.1f, \"bytes\": %llu, \"decoded\": %llu, \"rounds\": %llu, ",
              static_cast<double>(round.bytes * rounds) / wall.count() / 1e6,
              static_cast<unsigned long long>(round.bytes),
              static_cast<unsigned long long>(round.decoded),
              static_cast<unsigned long long>(rounds));
  std::printf("\"peak_kib\": %ld}\n", peak_kib());
  return 0;
}

inline Call call_of(char** arguments) {
  return {arguments[1], arguments[2], std::stod(arguments[3]), arguments[4]};
}

}  // namespace mail_case
