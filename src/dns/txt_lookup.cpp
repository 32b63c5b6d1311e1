// Over libunbound; see txt_lookup.hpp.
#include "dns/txt_lookup.hpp"

#include <unbound.h>

#include <memory>

#include "base/text.hpp"

namespace postroad::dns {

namespace {

constexpr int type_txt = 16;
constexpr int class_in = 1;

// <length><octets>, repeated (RFC 1035 section 3.3.14).
std::string join_strings(const char* data, int length) {
  std::string out;
  for (int at = 0; at < length;) {
    const int size = static_cast<unsigned char>(data[at]);
    if (at + 1 + size > length) break;
    out.append(data + at + 1, static_cast<std::size_t>(size));
    at += 1 + size;
  }
  return out;
}

}  // namespace

Result<std::optional<std::string>> lookup_txt(const std::string& name, const std::string& server) {
  const std::unique_ptr<ub_ctx, void (*)(ub_ctx*)> context(ub_ctx_create(), ub_ctx_delete);
  if (!context) return fail(Fault::io, name, "no memory for a DNS query");
  // A name server on this machine is allowed.
  (void)ub_ctx_set_option(context.get(), "do-not-query-localhost:", "no");
  if (server.empty()) {
    (void)ub_ctx_resolvconf(context.get(), nullptr);
  } else if (ub_ctx_set_fwd(context.get(), server.c_str()) != 0) {
    return fail(Fault::input, "--name-server",
                "'" + printable(server, 60) +
                    "' is not an address; use the form 192.0.2.1 or 192.0.2.1@5353");
  }
  ub_result* answer = nullptr;
  const int code = ub_resolve(context.get(), name.c_str(), type_txt, class_in, &answer);
  const std::unique_ptr<ub_result, void (*)(ub_result*)> owner(answer, ub_resolve_free);
  if (code != 0) return fail(Fault::resolve, name, ub_strerror(code));
  if (answer->bogus != 0)
    return fail(Fault::resolve, name, "the DNSSEC signatures of the answer are wrong");
  constexpr int nxdomain = 3;
  if (answer->rcode != 0 && answer->rcode != nxdomain)
    return fail(Fault::resolve, name,
                "the name server answered with error code " + std::to_string(answer->rcode));
  if (answer->havedata == 0) return std::optional<std::string>();
  return std::optional(join_strings(answer->data[0], answer->len[0]));
}

}  // namespace postroad::dns
