//! Divar's own document and examples, where they are to be had.

use std::path::PathBuf;

use serde_json::Value;

use super::schema::OpenApi;

const DOCUMENT: &str = "openapi-chat-subset.json";

/// The variable that names the folder. `cargo xtask test` looks for the folder and sets it.
const FOLDER: &str = "HODHOD_DIVAR_EXAMPLES";

const WHAT: &str = "Divar's OpenAPI document and examples";

/// The examples that the tests of the contract read.
const READ: [&str; 33] = [
    "action_get_dynamic_action.docs.json",
    "action_open_direct_link.docs.json",
    "action_open_post_manage_page.docs.json",
    "action_open_post_page.docs.json",
    "action_open_server_link.docs.json",
    "chat_message_contact.docs.json",
    "chat_message_file.docs.json",
    "chat_message_image.docs.json",
    "chat_message_location.docs.json",
    "chat_message_text.docs.json",
    "chat_message_video.docs.json",
    "chat_message_voice.docs.json",
    "dynamic_action_request.docs.json",
    "dynamic_action_response_direct_link.docs.json",
    "dynamic_action_response_server_link.docs.json",
    "dynamic_action_response_text_only.docs.json",
    "err_412_recipient_restriction.docs.json",
    "evt_new_chatbot_message_text.docs.json",
    "evt_new_message_post_text.docs.json",
    "evt_payment_transaction.docs.json",
    "openapi-chat-subset.json",
    "req_chatbot_send_message_conversation.docs.json",
    "req_chatbot_send_message_user.docs.json",
    "req_conversation_send_message_v2.docs.json",
    "resp_chat_upload_media.docs.json",
    "resp_chat_upload_token.docs.json",
    "resp_send_message_legacy_v2.docs.json",
    "session_init_legacy_request.docs.json",
    "session_init_legacy_response.docs.json",
    "session_init_v2_request.management.docs.json",
    "session_init_v2_request.open_server_link.docs.json",
    "session_init_v2_request.touchpoints.docs.json",
    "session_init_v2_response.docs.json",
];

/// Those of consent and of what is asked in a person's name, and of calls that Divar has given up.
const ELSEWHERE: [&str; 7] = [
    "oauth_refresh_response.docs.json",
    "oauth_token_response.docs.json",
    "req_events_subscription.docs.json",
    "req_send_message_legacy_v2.docs.json",
    "resp_get_conversation_2024_unmerged.docs.json",
    "resp_get_post.docs.json",
    "resp_get_user.docs.json",
];

/// Divar's own files.
pub(crate) struct Published(PathBuf);

impl Published {
    /// Those of the folder that the variable names; otherwise why there are none.
    pub(crate) fn find() -> Result<Self, String> {
        let folder = std::env::var_os(FOLDER).map(PathBuf::from);
        folder.map_or_else(|| Err(format!("{FOLDER} names no folder with {WHAT}")), Self::at)
    }

    /// Those of a folder.
    pub(crate) fn at(folder: PathBuf) -> Result<Self, String> {
        if folder.join(DOCUMENT).is_file() {
            return Ok(Self(folder));
        }
        Err(format!("{WHAT} are not at {}, which {FOLDER} names", folder.display()))
    }

    /// Those of the folder that the variable names, without which a test of the contract can only fail.
    pub(crate) fn here() -> Self {
        Self::find().unwrap_or_else(|why| panic!("{why}"))
    }

    pub(crate) fn folder(&self) -> String {
        self.0.display().to_string()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        assert!(READ.contains(&name), "{name} is not in the list");
        let path = self.0.join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    pub(crate) fn document(&self) -> OpenApi {
        OpenApi::new(&self.text(DOCUMENT))
    }

    /// Files of the folder that no test knows.
    pub(crate) fn unknown(&self) -> Vec<String> {
        let files = std::fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        files.filter(|name| !READ.contains(&name.as_str()) && !ELSEWHERE.contains(&name.as_str())).collect()
    }
}
