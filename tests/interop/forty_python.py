# The side of Python's email package in "the same forty messages" (test_forty.py). The forms are in forty.py.
import base64
import email
import email.message
import email.policy
import hashlib
import re
from email.headerregistry import Address

POLICY = email.policy.SMTP


def addresses(pairs):
    return [Address(name, addr_spec=address) for name, address in pairs]


def octets(file):
    return base64.b64decode(file["base64"])


def set_header(message, wanted):
    for name in ("from", "to", "cc"):
        if wanted[name]:
            message[name.title()] = addresses(wanted[name])
    message["Subject"] = wanted["subject"]
    message["Date"] = "Tue, 02 Jan 2024 03:04:05 +0000"
    message["Message-ID"] = "<forty@a.example>"
    if "in_reply_to" in wanted:
        message["In-Reply-To"] = wanted["in_reply_to"]
    if "references" in wanted:
        message["References"] = " ".join(wanted["references"])
    if "priority" in wanted:
        message["Importance"] = wanted["priority"]
    if "unsubscribe" in wanted:
        message["List-Unsubscribe"] = ", ".join(f"<{url}>" for url in wanted["unsubscribe"])
    for name, value in wanted.get("headers", {}).items():
        message[name] = value


def compose(wanted):
    """The bytes of a message."""
    message = email.message.EmailMessage(policy=POLICY)
    set_header(message, wanted)
    html, ids = wanted.get("html"), {}
    for number, image in enumerate(wanted.get("images", [])):
        ids[image["name"]] = f"image{number}@forty.example"
        html = html.replace(f"cid:{image['name']}", f"cid:{ids[image['name']]}")
    if "text" in wanted:
        message.set_content(wanted["text"])
        if html:
            message.add_alternative(html, subtype="html")
    elif html:
        message.set_content(html, subtype="html")
    for image in wanted.get("images", []):
        shown = message.get_payload()[1] if message.is_multipart() else message
        shown.add_related(octets(image), *image["type"].split("/"), cid=f"<{ids[image['name']]}>", filename=image["name"], disposition="inline")
    if "calendar" in wanted:
        method, text = wanted["calendar"]
        message.add_alternative(text, subtype="calendar", params={"method": method})
    for file in wanted.get("attachments", []):
        if file["type"] == "message/rfc822":
            message.add_attachment(email.message_from_bytes(octets(file), policy=POLICY.clone(refold_source="none")), filename=file["name"])
        else:
            message.add_attachment(octets(file), *file["type"].split("/"), filename=file["name"])
    return message.as_bytes()


def unflow(text):
    """format=flowed without quotes and DelSp (RFC 3676), which the package does not read."""
    out = ""
    for line in re.findall(r"[^\n]*\n|[^\n]+", text.replace("\r\n", "\n")):
        line = line[1:] if line.startswith(" ") else line
        out += line[:-1] if line.endswith(" \n") and line != "-- \n" else line
    return out


def text_of(part):
    text = part.get_payload(decode=True).decode(part.get_content_charset("us-ascii"))
    return unflow(text) if part.get_param("format", "").lower() == "flowed" else text


def parse(whole):
    """The bytes of a message as this library reads them."""
    message = email.message_from_bytes(whole, policy=email.policy.default)
    out = {"subject": message.get("Subject", ""), "in_reply_to": message.get("In-Reply-To", ""), "references": message.get("References", "").split(),
           "priority": message.get("Importance", ""), "unsubscribe": message.get("List-Unsubscribe", "").split(), "attachments": [], "images": [], "cids": {}}
    out = {name: str(value) if isinstance(value, str) else value for name, value in out.items()}
    for name in ("from", "to", "cc"):
        out[name] = [[one.display_name, one.addr_spec] for one in message[name].addresses] if message[name] else []
    out["headers"] = {name: str(value) for name, value in message.items() if name.startswith("X-Forty-")}
    read_part(message, out)
    return out


def read_part(part, out):
    if part.get_content_maintype() == "multipart":
        for one in part.iter_parts():
            read_part(one, out)
        return
    kind, name = part.get_content_type(), part.get_filename()
    if part.get_content_maintype() == "text" and not part.is_attachment():
        if kind == "text/calendar":
            out["calendar"] = [part.get_param("method"), text_of(part)]
        else:
            out[kind.split("/")[1].replace("plain", "text")] = text_of(part)
        return
    file = {"name": name, "type": kind}
    if kind == "message/rfc822":
        file["message"] = part.get_payload(0).as_bytes(policy=email.policy.compat32.clone(max_line_length=0)).decode()
    else:
        file["sha256"] = hashlib.sha256(part.get_payload(decode=True)).hexdigest()
    identity = re.sub(r"[<>\s]", "", part.get("Content-ID", ""))
    if identity and not part.is_attachment():
        out["images"].append(file)
        out["cids"][identity] = name
    else:
        out["attachments"].append(file)
