"""tls/redis.conf.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 3611541289
INCLUDES = ('tls/_header.j2',)


def made(environment, runtime):
    TemplateRuntimeError = runtime['TemplateRuntimeError']
    Undefined = runtime['Undefined']
    internalcode = runtime['internalcode']
    missing = runtime['missing']

    def root(context, missing=missing, environment=environment):
        resolve = context.resolve_or_missing
        undefined = environment.undefined
        concat = environment.concat
        cond_expr_undefined = Undefined
        if 0: yield None
        l_0_params = resolve('params')
        l_0_protocols = resolve('protocols')
        l_0_job = resolve('job')
        try:
            t_1 = environment.filters['join']
        except KeyError:
            @internalcode
            def t_1(*unused):
                raise TemplateRuntimeError("No filter named 'join' found.")
        pass
        template = environment.get_template('tls/_header.j2', 'tls/redis.conf.j2')
        gen = template.root_render_func(template.new_context(context.get_all(), True, {}))
        try:
            for event in gen:
                yield event
        finally: gen.close()
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
            pass
            yield 'tls-port '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'))
            yield '\ntls-cert-file '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate'))
            yield '\ntls-key-file '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key'))
            yield '\n'
        yield 'tls-protocols "'
        yield str(t_1(context.eval_ctx, (undefined(name='protocols') if l_0_protocols is missing else l_0_protocols), ' '))
        yield '"\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphers'):
            pass
            yield 'tls-ciphers '
            yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'cipher_string'))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'):
            pass
            yield 'tls-ciphersuites '
            yield str(t_1(context.eval_ctx, environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'), ':'))
            yield '\n'
        yield 'tls-prefer-server-ciphers '
        yield str(('yes' if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'server_preference') else 'no'))
        yield '\n'
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'dhparam'):
            pass
            yield 'tls-dh-params-file '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'dhparam'))
            yield '\n'

    return root
