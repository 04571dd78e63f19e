"""What FastGPT's error names mean, in words: the server itself mostly sends i18n keys of its web app.

Loaded with the first error. Each entry: the kind of error (see ``errors.py``), what is wrong, what to do about it.
Names that only branches and other editions use are left out: there the server's own words stand.
"""

from __future__ import annotations

from typing import NamedTuple


class Meaning(NamedTuple):
    kind: str
    text: str
    fix: str = ""


MEANINGS = {
    # general
    "unAuthorization": Meaning(
        "authentication",
        "no key was sent, or this endpoint does not take API keys",
        "set api_key=… or FASTGPT_API_KEY; some endpoints are for the web app only",
    ),
    "tooManyRequest": Meaning("rate_limit", "too many requests", "slow down, or raise the limit of the team or key"),
    "insufficientQuota": Meaning(
        "quota", "the account balance is too low for this request", "top up the account or raise the quota of the key"
    ),
    "unAuthModel": Meaning(
        "permission",
        "the caller may not use this AI model",
        "choose a model the team may use, or ask the administrator for access",
    ),
    "unAuthApiKey": Meaning(
        "authentication",
        "the API key is wrong, was deleted, or has expired",
        "check the key (FastGPT: Team → API keys) and that it belongs to this server",
    ),
    "QPSLimitExceed": Meaning(
        "rate_limit", "the allowed number of requests per second was exceeded", "wait and retry more slowly"
    ),
    "unAuthKb": Meaning(
        "permission",
        "the caller may not use this knowledge base",
        "check the id and the permissions of the key's owner",
    ),
    "canNotEditAdminPermission": Meaning("permission", "the permissions of an administrator cannot be changed here"),
    "unExist": Meaning("not_found", "the app, share link, API key or plugin does not exist", "check the id"),
    "unAuth": Meaning(
        "permission", "the caller may not use this API key or plugin", "check the id and its permissions"
    ),
    # common
    "unAuthFile": Meaning(
        "permission", "the caller may not read this file", "check the file id or link and that it belongs to your team"
    ),
    "invalidParams": Meaning("validation", "a request parameter is not valid", "check the request values"),
    "invalidResource": Meaning("validation", "the requested resource is not valid", "check the resource id and type"),
    "fileNotFound": Meaning("not_found", "the file does not exist", "check the file id or link, or upload it again"),
    "missingParams": Meaning("validation", "a required parameter is missing", "add the missing parameter"),
    "inheritPermissionError": Meaning(
        "permission",
        "permissions could not be inherited from the parent folder",
        "check the folder's permission settings",
    ),
    "folderDepthLimit": Meaning("validation", "folders are nested too deeply", "create the item higher up"),
    "folderMoveDepthLimit": Meaning(
        "validation", "the move would nest folders too deeply", "move to a folder higher up"
    ),
    # user
    "notUser": Meaning("not_found", "the account or team member does not exist", "check the user or member id"),
    "userExist": Meaning("conflict", "the account already exists", "choose another account name"),
    "unAuthRole": Meaning(
        "permission", "the user's role does not allow this operation", "ask an administrator for the needed role"
    ),
    "account_psw_error": Meaning(
        "authentication", "the account name or password is wrong", "check the account name and password"
    ),
    "unAuthSso": Meaning("authentication", "single sign-on failed", "sign in again or check the SSO setup"),
    "invalidVerificationCode": Meaning(
        "validation", "the verification code is wrong", "check the code or ask for a new one"
    ),
    "sendVerificationCodeTooFrequently": Meaning(
        "rate_limit", "verification codes were requested too often", "wait before asking for another code"
    ),
    "verifyCodeTooFrequently": Meaning("rate_limit", "verification codes were tried too often", "wait and try again"),
    "invalidAccount": Meaning("validation", "the account name is not valid", "check the account name"),
    "accountCancellationPending": Meaning(
        "permission", "the account is waiting to be closed, so it cannot be used", "cancel the account closure first"
    ),
    "registrationMethodNotSupported": Meaning(
        "permission", "this way of registering is not offered", "register another way"
    ),
    "binVisitor": Meaning("permission", "A guest may not do this", "sign in with a full account"),
    "balanceNotEnough": Meaning("quota", "the account balance is too low", "top up the account"),
    # team
    "unPermission": Meaning(
        "permission",
        "the caller has no permission for this operation",
        "ask a team administrator for the needed permission",
    ),
    "teamOverSize": Meaning(
        "quota", "the team has more members than its plan allows", "remove members or upgrade the plan"
    ),
    "unAuthTeam": Meaning(
        "permission", "the caller may not act on this team", "use a key that belongs to the right team"
    ),
    "aiPointsNotEnough": Meaning(
        "quota", "the team has run out of AI points", "buy more AI points or upgrade the plan"
    ),
    "datasetSizeNotEnough": Meaning(
        "quota", "the team's knowledge base index capacity is full", "delete data or buy more capacity"
    ),
    "datasetAmountNotEnough": Meaning(
        "quota", "the team has reached its limit of knowledge bases", "delete a knowledge base or upgrade the plan"
    ),
    "datasetFolderAmountNotEnough": Meaning(
        "quota", "the team has reached its limit of knowledge base folders", "delete a folder or upgrade the plan"
    ),
    "appAmountNotEnough": Meaning(
        "quota", "the team has reached its limit of apps", "delete an app or upgrade the plan"
    ),
    "appFolderAmountNotEnough": Meaning(
        "quota", "the team has reached its limit of app folders", "delete a folder or upgrade the plan"
    ),
    "pluginAmountNotEnough": Meaning(
        "quota", "the team has reached its limit of plugins", "delete a plugin or upgrade the plan"
    ),
    "websiteSyncNotEnough": Meaning(
        "commercial",
        "the team's plan does not include website sync",
        "upgrade the plan, or import the pages another way",
    ),
    "reRankNotEnough": Meaning(
        "commercial", "the team's plan does not include search reranking", "turn reranking off or upgrade the plan"
    ),
    "ticketNotAvailable": Meaning(
        "commercial", "the team's plan does not include support tickets", "upgrade the plan or ask the community"
    ),
    "sandboxNotSupport": Meaning(
        "commercial", "the team's plan does not include the sandbox", "turn the sandbox off or upgrade the plan"
    ),
    "teamPluginInstallDisabled": Meaning(
        "permission",
        "installing plugins for the team is turned off",
        "ask the administrator to allow team plugin installs",
    ),
    "groupNameEmpty": Meaning("validation", "the group name is empty", "give the group a name"),
    "groupNameDuplicate": Meaning("conflict", "A group with this name already exists", "choose another group name"),
    "groupNotExist": Meaning("not_found", "the member group does not exist", "check the group id"),
    "cannotDeleteDefaultGroup": Meaning("validation", "the default group cannot be deleted"),
    "userNotActive": Meaning(
        "permission",
        "the user has not accepted the invitation or has left the team",
        "invite the user again or use an active member",
    ),
    "orgMemberNotExist": Meaning(
        "not_found", "the department has no such member", "check the member and department ids"
    ),
    "orgMemberDuplicated": Meaning("conflict", "the member is already in this department"),
    "orgNotExist": Meaning("not_found", "the department does not exist", "check the department id"),
    "orgParentNotExist": Meaning("not_found", "the parent department does not exist", "check the parent department id"),
    "cannotMoveToSubPath": Meaning(
        "validation",
        "A department cannot be moved into itself or one of its own children",
        "choose another target department",
    ),
    "cannotModifyRootOrg": Meaning("validation", "the root department cannot be changed"),
    "cannotDeleteNonEmptyOrg": Meaning(
        "conflict", "the department still has content, so it cannot be deleted", "empty the department first"
    ),
    "invitationLinkInvalid": Meaning(
        "validation", "the invitation link has expired or is not valid", "ask for a new invitation link"
    ),
    "youHaveBeenInTheTeam": Meaning("conflict", "the user is already a member of this team"),
    "tooManyInvitations": Meaning(
        "quota", "the team has too many active invitation links", "delete some invitation links first"
    ),
    "disabled": Meaning("permission", "enterprise verification is turned off", "ask the administrator to turn it on"),
    "serviceNotConfigured": Meaning(
        "server", "the enterprise verification service is not configured", "ask the administrator to configure it"
    ),
    "noRemainingTimes": Meaning(
        "quota", "no enterprise verification attempts are left", "contact support for more attempts"
    ),
    "alreadyVerified": Meaning("conflict", "the team has already passed enterprise verification"),
    "enterpriseOccupied": Meaning(
        "conflict",
        "this enterprise is already bound to another team",
        "check the enterprise details or contact support",
    ),
    "tooFrequent": Meaning("rate_limit", "enterprise verification was requested too often", "wait and try again"),
    "serviceError": Meaning("server", "the enterprise verification service failed", "try again later"),
    "serviceTimeout": Meaning(
        "server", "the enterprise verification service did not answer in time", "try again later"
    ),
    "infoFailed": Meaning(
        "validation", "the enterprise details did not pass verification", "correct the details and try again"
    ),
    "taskNotFound": Meaning(
        "not_found", "the enterprise verification task does not exist", "start the verification again"
    ),
    "taskExpired": Meaning(
        "validation", "the enterprise verification task has expired", "start the verification again"
    ),
    "amountError": Meaning(
        "validation",
        "the transfer amount entered for enterprise verification is wrong",
        "enter the exact amount received",
    ),
    "amountFailed": Meaning(
        "validation", "enterprise verification by transfer amount failed", "start the verification again"
    ),
    "processing": Meaning("conflict", "enterprise verification is still being processed", "wait until it finishes"),
    # dataset
    "sameApiCollection": Meaning(
        "conflict",
        "the knowledge base already holds a collection for this API file",
        "use the existing collection or remove it first",
    ),
    "notSupportSync": Meaning(
        "validation", "this collection type cannot be synced", "sync only collections made from links or API files"
    ),
    "unExistDataset": Meaning("not_found", "the knowledge base does not exist", "check the datasetId"),
    "unExistCollection": Meaning("not_found", "the collection does not exist", "check the collectionId"),
    "unAuthDataset": Meaning(
        "permission",
        "the caller may not use this knowledge base",
        "check the datasetId and the permissions of the key's owner",
    ),
    "unCreateCollection": Meaning(
        "permission",
        "the caller may not create collections in this knowledge base",
        "ask for write permission on the knowledge base",
    ),
    "unAuthDatasetCollection": Meaning(
        "permission",
        "the caller may not use this collection",
        "check the collectionId and the permissions of the key's owner",
    ),
    "unAuthDatasetData": Meaning(
        "permission",
        "the caller may not use this piece of knowledge base data",
        "check the data id and the permissions of the key's owner",
    ),
    "unAuthDatasetFile": Meaning(
        "permission",
        "the caller may not use this knowledge base file",
        "check the file id and the permissions of the key's owner",
    ),
    "unLinkCollection": Meaning(
        "validation", "the collection was not made from a web link", "use a link collection for this call"
    ),
    "invalidVectorModelOrQAModel": Meaning(
        "validation",
        "the index (vector) model or the text model is not valid",
        "choose models that are configured on the server",
    ),
    "noApiServer": Meaning(
        "validation",
        "the knowledge base has no external API file server configured",
        "configure the API server of the knowledge base first",
    ),
    # app
    "appUnExist": Meaning(
        "not_found", "the app does not exist", "check appId: 24 hex digits, in the address bar of the app"
    ),
    "unAuthApp": Meaning(
        "permission", "the caller may not use this app", "check the appId and the permissions of the key's owner"
    ),
    "invalidOwner": Meaning(
        "permission", "the given owner is not a valid owner of the app", "use the app's real owner"
    ),
    "invalidAppType": Meaning(
        "validation", "the app type is not valid for this operation", "use an app of the right type"
    ),
    # chat
    "unAuthChat": Meaning(
        "permission",
        "this key may not see this chat, or the request does not name an app",
        "pass appId=… (or make the client with app_id=…); the key's owner must be allowed to read the app's chat logs",
    ),
    "chatIsGenerating": Meaning(
        "conflict",
        "this chat is still generating an answer",
        "one chat runs one request at a time: wait, or stop_chat() it; use other chatIds for requests at the same time",
    ),
    # outLink
    "outlinkUnExist": Meaning("not_found", "the share link does not exist", "check the shareId"),
    "unAuthLink": Meaning("authentication", "the share link is not valid", "check the shareId and its owner"),
    "linkUnInvalid": Meaning(
        "authentication", "the share link is not valid any more", "check the share link's expiry and limits"
    ),
    "unAuthUser": Meaning("authentication", "the user could not be identified", "check the user's token or outLinkUid"),
    # openapi
    "openapiUnExist": Meaning("not_found", "the API key does not exist", "check the key's id or create a new key"),
    "openapiUnAuth": Meaning(
        "permission", "the caller may not manage this API key", "use the account that owns the key"
    ),
    "openapiExceedLimit": Meaning("quota", "the limit of API keys is reached", "delete an unused key first"),
    # plugin
    "pluginUnExist": Meaning("not_found", "the tool (plugin) does not exist", "check the plugin id"),
    "pluginUnAuth": Meaning(
        "permission", "the caller may not use this tool (plugin)", "check the plugin id and its permissions"
    ),
    # system
    "communityVersionNumLimit": Meaning(
        "commercial", "the free community edition's limit is reached", "delete items or use the commercial edition"
    ),
    "commercialFeature": Meaning(
        "commercial", "this feature is only in the commercial edition", "use the commercial edition"
    ),
    "licenseAppAmountLimit": Meaning(
        "commercial", "the licence's limit of apps is reached", "delete apps or extend the licence"
    ),
    "licenseDatasetAmountLimit": Meaning(
        "commercial",
        "the licence's limit of knowledge bases is reached",
        "delete knowledge bases or extend the licence",
    ),
    "licenseUserAmountLimit": Meaning(
        "commercial", "the licence's limit of users is reached", "remove users or extend the licence"
    ),
    # s3
    "InvalidUploadFileType": Meaning("validation", "this file type may not be uploaded", "upload an allowed file type"),
    "UploadFileTypeMismatch": Meaning(
        "validation", "the file's content does not match its declared type", "send the file's real type and extension"
    ),
    "FileUploadDisabled": Meaning(
        "permission", "file upload is turned off", "turn on file upload in the app or system settings"
    ),
    # sandbox
    "agentSandboxPermissionDenied": Meaning(
        "permission", "the team may not use the agent sandbox", "turn the sandbox off or get a plan that includes it"
    ),
    "agentSandboxInitializing": Meaning("conflict", "the agent sandbox is still starting", "wait and retry"),
    "runtimeUpgradeFailed": Meaning(
        "server", "the sandbox runtime upgrade failed", "try the upgrade again or ask the administrator"
    ),
    "runtimeUpgradeInProgress": Meaning("conflict", "the sandbox runtime is being upgraded", "wait and retry"),
    # coupon
    "invalidCoupon": Meaning("validation", "the coupon is not valid", "check the coupon code"),
    # skill
    "skillUnExist": Meaning("not_found", "the skill does not exist", "check the skill id"),
    "unAuthSkill": Meaning("permission", "the caller may not use this skill", "check the skill id and its permissions"),
    "skillNameExists": Meaning("conflict", "a skill with this name is already in the folder", "choose another name"),
    "invalidSkillName": Meaning("validation", "the skill name is empty or not text", "give the skill a name"),
    "skillNameTooLong": Meaning("validation", "the skill name is too long", "use at most 50 characters"),
    "invalidDescription": Meaning(
        "validation", "the skill description is too long or not valid", "keep it under 500 characters"
    ),
    "invalidCategory": Meaning("validation", "the skill category is not valid", "use a known category"),
    "invalidConfig": Meaning("validation", "the skill configuration is too large or not valid", "keep it under 50 KB"),
    "missingModel": Meaning("validation", "requirements were given without a model", "send a model too"),
    "requirementsTooLong": Meaning("validation", "the requirements text is too long", "keep it under 8000 characters"),
    "noStorage": Meaning("server", "the skill has no stored files, so it cannot be copied"),
    "noFieldsToUpdate": Meaning("validation", "the update holds no field to change", "send at least one field"),
    "invalidArchiveFormat": Meaning(
        "validation", "the archive type is not supported", "send a ZIP, TAR or TAR.GZ file"
    ),
    "invalidSkillPackage": Meaning(
        "validation", "the skill package has the wrong layout", "check the files in the package"
    ),
    "invalidSkillId": Meaning("validation", "the skill id is not valid", "check the skill id"),
    "archiveEmpty": Meaning("validation", "the archive is empty", "send an archive with files"),
    "archiveExtractionFailed": Meaning("validation", "the archive could not be unpacked", "check the archive"),
    "archiveTooLarge": Meaning("validation", "the archive is too large", "send a smaller archive"),
    "missingImageRepository": Meaning(
        "validation", "an image was given without its repository", "send image.repository too"
    ),
    # model
    "modelUnExist": Meaning(
        "not_found", "the AI model does not exist or was taken off the list", "choose another model"
    ),
}

# Messages of nodes that are i18n keys.
NODE_MEANINGS = {
    "chat:LLM_model_response_empty": "the model answered nothing",
    "chat:AI_input_is_empty": "the AI node got no question",
    "common:core.chat.Module tts is empty": "nothing to speak",
}
