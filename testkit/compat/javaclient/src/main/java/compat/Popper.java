package compat;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.AckCallback;
import org.apache.rocketmq.client.consumer.AckResult;
import org.apache.rocketmq.client.consumer.PopCallback;
import org.apache.rocketmq.client.consumer.PopResult;
import org.apache.rocketmq.client.impl.MQClientAPIImpl;
import org.apache.rocketmq.common.constant.ConsumeInitMode;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.CommandCustomHeader;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.remoting.protocol.RequestCode;
import org.apache.rocketmq.remoting.protocol.header.AckMessageRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.ChangeInvisibleTimeRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.ExtraInfoUtil;
import org.apache.rocketmq.remoting.protocol.header.NotificationRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.PeekMessageRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.PollingInfoRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.PopMessageRequestHeader;

/** Pops of one group at one broker, each request as the case wants it, over the Java client's own calls. */
final class Popper {
    /** Milliseconds for which what is popped is out of sight, in cases that do not wait for its return. */
    static final long LONG = 60_000;

    final String group;
    final Cluster cluster;
    final MQClientAPIImpl api;

    Popper(Cluster cluster, String group, MQClientAPIImpl api) {
        this.cluster = cluster;
        this.group = group;
        this.api = api;
    }

    /** A pop of up to 32 messages from the queue's beginning on that does not wait. */
    PopMessageRequestHeader request(String topic, int queue, long invisible) {
        var header = new PopMessageRequestHeader();
        header.setConsumerGroup(group);
        header.setTopic(topic);
        header.setQueueId(queue);
        header.setMaxMsgNums(32);
        header.setInvisibleTime(invisible);
        header.setBornTime(System.currentTimeMillis());
        header.setInitMode(ConsumeInitMode.MIN);
        return header;
    }

    CompletableFuture<PopResult> start(PopMessageRequestHeader header) throws Exception {
        var result = new CompletableFuture<PopResult>();
        api.popMessageAsync(cluster.brokerName(), cluster.broker(), header, header.getPollTime() + Case.API_TIMEOUT, new PopCallback() {
            @Override
            public void onSuccess(PopResult popped) {
                result.complete(popped);
            }

            @Override
            public void onException(Throwable e) {
                result.completeExceptionally(e);
            }
        });
        return result;
    }

    PopResult pop(PopMessageRequestHeader header) throws Exception {
        return get(start(header));
    }

    /** What is popped of a queue now. */
    List<MessageExt> pop(String topic, int queue, long invisible) throws Exception {
        return messages(pop(request(topic, queue, invisible)));
    }

    static List<MessageExt> messages(PopResult result) {
        return result.getMsgFoundList() == null ? List.of() : result.getMsgFoundList();
    }

    static <T> T get(CompletableFuture<T> future) throws Exception {
        try {
            return future.get(Case.PATIENCE.toSeconds(), TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof Exception cause ? cause : e;
        }
    }

    static String handle(MessageExt message) {
        return message.getProperty(MessageConst.PROPERTY_POP_CK);
    }

    /** The acknowledgement of a message by the handle that came with it. */
    AckMessageRequestHeader ackOf(String topic, String handle) {
        String[] parts = ExtraInfoUtil.split(handle);
        var header = new AckMessageRequestHeader();
        header.setConsumerGroup(group);
        header.setTopic(ExtraInfoUtil.getRealTopic(parts, topic, group));
        header.setQueueId(ExtraInfoUtil.getQueueId(parts));
        header.setOffset(ExtraInfoUtil.getQueueOffset(parts));
        header.setExtraInfo(handle);
        return header;
    }

    private static final class Answer extends CompletableFuture<AckResult> implements AckCallback {
        @Override
        public void onSuccess(AckResult result) {
            complete(result);
        }

        @Override
        public void onException(Throwable e) {
            completeExceptionally(e);
        }
    }

    AckResult ack(AckMessageRequestHeader header) throws Exception {
        var answer = new Answer();
        api.ackMessageAsync(cluster.broker(), Case.API_TIMEOUT, answer, header);
        return get(answer);
    }

    AckResult ack(MessageExt message) throws Exception {
        return ack(ackOf(message.getTopic(), handle(message)));
    }

    AckResult ackAll(String topic, List<MessageExt> messages) throws Exception {
        var answer = new Answer();
        api.batchAckMessageAsync(cluster.broker(), Case.API_TIMEOUT, answer, topic, group, messages.stream().map(Popper::handle).toList());
        return get(answer);
    }

    ChangeInvisibleTimeRequestHeader changeOf(MessageExt message, long invisible) {
        var ack = ackOf(message.getTopic(), handle(message));
        var header = new ChangeInvisibleTimeRequestHeader();
        header.setConsumerGroup(group);
        header.setTopic(ack.getTopic());
        header.setQueueId(ack.getQueueId());
        header.setOffset(ack.getOffset());
        header.setExtraInfo(ack.getExtraInfo());
        header.setInvisibleTime(invisible);
        return header;
    }

    AckResult change(ChangeInvisibleTimeRequestHeader header) throws Exception {
        var answer = new Answer();
        api.changeInvisibleTimeAsync(cluster.brokerName(), cluster.broker(), header, Case.API_TIMEOUT, answer);
        return get(answer);
    }

    AckResult change(MessageExt message, long invisible) throws Exception {
        return change(changeOf(message, invisible));
    }

    /** The broker's answer as it is, with what the client makes of it left out. */
    RemotingCommand raw(int code, CommandCustomHeader header, byte[] body) throws Exception {
        var request = RemotingCommand.createRequestCommand(code, header);
        request.setBody(body);
        return api.getRemotingClient().invokeSync(cluster.broker(), request, Case.API_TIMEOUT);
    }

    RemotingCommand raw(int code, CommandCustomHeader header) throws Exception {
        return raw(code, header, null);
    }

    PeekMessageRequestHeader peekOf(String topic, int queue, int max) {
        var header = new PeekMessageRequestHeader();
        header.setConsumerGroup(group);
        header.setTopic(topic);
        header.setQueueId(queue);
        header.setMaxMsgNums(max);
        return header;
    }

    RemotingCommand peek(String topic, int queue, int max) throws Exception {
        return raw(RequestCode.PEEK_MESSAGE, peekOf(topic, queue, max));
    }

    static List<String> bodies(RemotingCommand response) {
        return response.getBody() == null ? List.of()
            : bodies(MessageDecoder.decodesBatch(ByteBuffer.wrap(response.getBody()), true, true, true));
    }

    static List<String> bodies(List<MessageExt> messages) {
        return messages.stream().map(Case::text).toList();
    }

    NotificationRequestHeader notificationOf(String topic, int queue, long wait) {
        var header = new NotificationRequestHeader();
        header.setConsumerGroup(group);
        header.setTopic(topic);
        header.setQueueId(queue);
        header.setPollTime(wait);
        header.setBornTime(System.currentTimeMillis());
        return header;
    }

    PollingInfoRequestHeader pollingOf(String topic, int queue) {
        var header = new PollingInfoRequestHeader();
        header.setConsumerGroup(group);
        header.setTopic(topic);
        header.setQueueId(queue);
        return header;
    }

    /** How many pops wait at a queue. */
    int polling(String topic, int queue) throws Exception {
        return Integer.parseInt(raw(RequestCode.POLLING_INFO, pollingOf(topic, queue)).getExtFields().get("pollingNum"));
    }
}
